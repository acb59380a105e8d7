"""Swings, break-evens and the four questions of a centre, against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.analysis.uncertainty.effects import combine, normal
from energybench.model import BreakEven, FixedQuestion, Projection, Sensitivity
from energybench.projecting.crossings import crossings
from energybench.projecting.project import project
from energybench.projecting.scenario_files import names, parse, read
from tests.projecting.test_project import comparison

HEAD = 'schema = "energybench-scenario/1"\nname = "n"\ntitle = "T"\nabout = "A"\n'
FLEET = HEAD + 'model = "fleet"\nboundary = "node-ac"\n'
BASE: dict[str, tuple[float, str]] = {
    "nodes_baseline": (120, "nodes"),
    "speedup": (10, ""),
    "power_baseline_w": (500, "W"),
    "power_candidate_w": (1500, "W"),
    "utilisation_baseline": (1, ""),
    "utilisation_candidate": (1, ""),
}
IDLE: dict[str, tuple[float, str]] = {
    "idle_power_baseline_w": (200, "W"),
    "idle_power_candidate_w": (600, "W"),
}
PRICES: dict[str, tuple[float, str]] = {
    "instance_price_baseline_per_h": (2, "USD/h"),
    "instance_price_candidate_per_h": (9, "USD/h"),
}
H = 730


def entry(name: str, value: float, unit: str, *ends: float) -> str:
    limits = "".join(
        f"{key} = {end}\n" for key, end in zip(("low", "high"), ends, strict=False) if ends
    )
    date = 'date = "2025"\n' if "/h" in unit or "/kWh" in unit else ""
    return f'[inputs.{name}]\nvalue = {value}\n{limits}unit = "{unit}"\nsource = "s"\n{date}'


def found(text: str) -> Sensitivity:
    result = project(parse(text, "f.toml"), (), "f.toml", with_sensitivity=True)
    assert result.sensitivity is not None
    return result.sensitivity


def fleet(ranges: dict[str, tuple[float, float]] | None = None, **more: tuple[float, str]) -> str:
    tables = {**BASE, **more}
    currency = 'currency = "USD"\n' if any("USD" in unit for _, unit in tables.values()) else ""
    return (
        FLEET
        + currency
        + "".join(
            entry(name, *stated, *(ranges or {}).get(name, ())) for name, stated in tables.items()
        )
    )


def even(sensitivity: Sensitivity, name: str, answer: str = "saved_mwh_per_month") -> BreakEven:
    (one,) = [e for e in sensitivity.break_evens if (e.input, e.answer) == (name, answer)]
    return one


def question(sensitivity: Sensitivity, fixed: str) -> dict[str, float]:
    (one,) = [q for q in sensitivity.questions if q.fixed == fixed]
    return {words: value.value for words, value, _ in one.answers if value is not None}


# ---------------------------------------------------------------- tornado


def test_a_swing_is_the_answer_at_both_ends() -> None:
    """One input at a time, sorted by width, for each answer; inputs without a range have none."""
    text = HEAD + "".join(
        (
            entry("a", 10, "", 9, 12),
            entry("b", 4, "", 1, 5),
            entry("c", 3, ""),
            '[[lines]]\nname = "e"\nformula = "a * c - b * c"\nunit = "MWh"\n',
            '[[lines]]\nname = "g"\nformula = "e * 2"\nunit = "t CO2e"\n',
            '[results]\nsaved_mwh_per_month = "e"\nsaved_tco2e_per_month = "g"\n',
        )
    )
    swings = found(text).swings
    energy = [(s.input, s.at_low, s.at_high, s.stated) for s in swings[:2]]
    assert energy == [("b", 27, 15, (1, 5)), ("a", 15, 24, (9, 12))]
    assert [(s.answer, s.unit) for s in swings] == [
        ("saved_mwh_per_month", "MWh"),
        ("saved_mwh_per_month", "MWh"),
        ("saved_tco2e_per_month", "t CO2e"),
        ("saved_tco2e_per_month", "t CO2e"),
    ]


def test_swings_are_sorted_by_width() -> None:
    sensitivity = found(
        fleet(
            {"power_baseline_w": (400, 700), "power_candidate_w": (1400, 1600), "speedup": (9, 11)}
        )
    )
    widths = [abs(s.at_high - s.at_low) for s in sensitivity.swings]
    assert widths == sorted(widths, reverse=True)
    assert next(s.input for s in sensitivity.swings) == "power_baseline_w"


def test_a_measured_value_swings_over_its_interval() -> None:
    """And is marked as measured: nobody stated its range."""
    text = fleet().replace(
        '[inputs.speedup]\nvalue = 10\nunit = ""\n', '[inputs.speedup]\nmeasured = "speedup"\n'
    )
    text = text.replace('measured = "speedup"\nsource = "s"\n', 'measured = "speedup"\n')
    measured = comparison(speedup=combine(10.0, [normal("scatter", 0.5)]), power_w=(500.0, 1500.0))
    result = project(parse(text, "f.toml"), (measured,), "f.toml", with_sensitivity=True)
    assert result.sensitivity is not None
    (swing,) = result.sensitivity.swings
    assert (swing.input, swing.measured) == ("speedup", True)
    assert swing.stated == pytest.approx((10 - 0.98, 10 + 0.98), abs=0.01)


# ---------------------------------------------------------------- break-even


@over(
    p_b=st.floats(100, 900),
    p_c=st.floats(300, 4000),
    nodes=st.integers(1, 400),
)
@settings(max_examples=25, deadline=None)
def test_break_even_speedup_without_rounding(p_b: float, p_c: float, nodes: int) -> None:
    """Where idle nodes are off, whole nodes do not matter: S = P_c / P_b, to 1e-6."""
    sensitivity = found(
        fleet(
            nodes_baseline=(nodes, "nodes"),
            power_baseline_w=(p_b, "W"),
            power_candidate_w=(p_c, "W"),
            idle_power_baseline_w=(0, "W"),
            idle_power_candidate_w=(0, "W"),
        )
    )
    one = even(sensitivity, "speedup")
    assert one.value == pytest.approx(p_c / p_b, rel=1e-6)
    assert (one.crossings, one.jumps, one.current) == (1, False, 10)
    assert one.searched == (0.1, 1000)


def test_break_even_price() -> None:
    """Node-hours: the candidate's price at which 120 · 2 = 12 · p."""
    sensitivity = found(fleet(**PRICES))
    price = even(sensitivity, "instance_price_candidate_per_h", "saved_cost_per_month")
    assert price.value == pytest.approx(20, rel=1e-6)
    assert price.unit == "USD/h"
    other = even(sensitivity, "instance_price_baseline_per_h", "saved_cost_per_month")
    assert other.value == pytest.approx(12 * 9 / 120, rel=1e-6)


def test_a_saving_that_is_always_0_has_no_break_even() -> None:
    """With free electricity no money is saved at any speedup."""
    sensitivity = found(fleet(energy_price_per_kwh=(0, "USD/kWh")))
    answers = {(one.answer, one.input) for one in sensitivity.break_evens}
    assert ("saved_mwh_per_month", "speedup") in answers
    assert ("saved_cost_per_month", "speedup") not in answers


def test_whole_nodes_jump() -> None:
    """Without an idle power a rounded-up node runs: the saving jumps over 0, and that is said. The
    break-even is the speedup below which one node more is needed.
    """
    sensitivity = found(fleet(nodes_baseline=(7, "nodes"), power_candidate_w=(1600, "W")))
    one = even(sensitivity, "speedup")
    # 7 · 500 W pay for two nodes of 1600 W: from S = 3.5 on, two are enough
    assert one.value == pytest.approx(3.5, rel=1e-6)
    assert one.jumps


def test_break_even_nodes_and_utilisation() -> None:
    """Few baseline nodes do not fill one candidate node that idles."""
    sensitivity = found(fleet(utilisation_baseline=(0.9, ""), **IDLE))
    # n · (0.9 · 500 + 0.1 · 200) = 600 + 0.09 · n · 900, one candidate node
    assert even(sensitivity, "nodes_baseline").value == pytest.approx(600 / (470 - 81), rel=1e-6)
    assert even(sensitivity, "utilisation_baseline").value is None


def test_no_solution_in_the_range() -> None:
    """The price of electricity scales the money and never makes it 0."""
    sensitivity = found(fleet(energy_price_per_kwh=(0.1, "USD/kWh")))
    one = even(sensitivity, "energy_price_per_kwh", "saved_cost_per_month")
    assert (one.value, one.crossings, one.searched) == (None, 0, (0.001, 10))


def test_full_load_without_idle_power_has_no_break_even_of_utilisation() -> None:
    """The model permits nothing below full load there."""
    sought = {one.input for one in found(fleet()).break_evens}
    assert sought == {"nodes_baseline", "speedup"}


def test_a_mix_has_a_break_even_too() -> None:
    """The speedup of several comparisons is a line; it is moved all the same."""
    text = fleet()
    for name, unit in (("speedup", ""), ("power_baseline_w", "W"), ("power_candidate_w", "W")):
        text = text.replace(
            f'[inputs.{name}]\nvalue = {BASE[name][0]}\nunit = "{unit}"\nsource = "s"\n',
            f'[inputs.{name}]\nmeasured = "{name}"\n',
        )
    result = project(
        parse(text, "f.toml"), (comparison(), comparison("sdpa")), "f.toml", with_sensitivity=True
    )
    assert result.sensitivity is not None
    assert even(result.sensitivity, "speedup").value is not None


def test_a_scenario_of_its_own_lines() -> None:
    """Prices and nodes are known by their units, the speedup by its quantity."""
    text = (
        HEAD
        + 'currency = "EUR"\n'
        + "".join(
            (
                entry("hall", 20, "nodes"),
                entry("rate", 2, "EUR/h"),
                entry("fee", 3, "kW"),
                '[[lines]]\nname = "m"\nformula = "hall * rate - 10 * fee"\nunit = "EUR"\n',
                '[results]\nsaved_cost_per_month = "m"\n',
            )
        )
    )
    sensitivity = found(text)
    assert {one.input: one.value for one in sensitivity.break_evens} == pytest.approx(
        {"hall": 15.0, "rate": 1.5}
    )
    assert sensitivity.questions == ()


# ---------------------------------------------------------------- crossings


@pytest.mark.parametrize("root", [0.013, 1.0, 7.77, 99.0])
def test_a_root_is_exact(root: float) -> None:
    result = crossings(lambda x: x**3 - root**3, 0.01, 100.0)
    assert result.first == pytest.approx(root, rel=1e-10)
    assert (result.number, result.jumps) == (1, False)


def test_of_several_crossings_the_first_is_given() -> None:
    """And the number of those that were met."""
    result = crossings(np.sin, 1.0, 20.0)
    assert result.first == pytest.approx(math.pi, rel=1e-9)
    assert result.number == 6


def test_steps_and_plateaus() -> None:
    """A jump is told from a root; a stretch of zeros is one crossing, at its beginning."""
    step = crossings(lambda x: np.where(np.asarray(x) < math.e, -1.0, 2.0), 0.1, 10.0)
    assert step.first == pytest.approx(math.e, rel=1e-9)
    assert step.jumps
    plateau = crossings(lambda x: np.maximum(np.asarray(x) - 3.0, 0.0), 0.1, 10.0)
    assert (plateau.first, plateau.number, plateau.jumps) == (0.1, 1, False)


def test_without_a_crossing() -> None:
    """A pole and a stretch without finite values are none."""
    assert crossings(lambda x: 1.0 + np.asarray(x) * 0, 0.1, 10.0).first is None
    assert crossings(lambda x: np.full(np.shape(x), np.nan), 0.1, 10.0).first is None


def test_a_pole_is_no_crossing() -> None:
    """1/(x − 2) changes sign and is 0 nowhere."""
    result = crossings(lambda x: 1.0 / (np.asarray(x) - 2.0000001), 0.1, 10.0)
    assert result.first is None


# ---------------------------------------------------------------- the four questions


def test_fixed_nodes() -> None:
    """As many nodes do ten times the work, and draw three times the power."""
    answers = question(found(fleet()), "nodes")
    assert answers["candidate nodes"] == 120
    assert answers["work a month, that of the baseline = 1"] == pytest.approx(10)
    assert answers["energy saved a month"] == pytest.approx(120 * (500 - 1500) * H / 1e6)
    assert answers["power saved, all nodes running"] == pytest.approx(-120)


def test_fixed_power() -> None:
    """120 · 500 W carry 40 nodes of 1 500 W."""
    answers = question(found(fleet()), "power")
    assert answers["candidate nodes"] == 40
    assert answers["work a month, that of the baseline = 1"] == pytest.approx(40 * 10 / 120)
    assert answers["power saved, all nodes running"] == pytest.approx(0, abs=1e-9)


def test_fixed_budget() -> None:
    """120 · 2 USD pay for 26 nodes of 9 USD; without node-hours, electricity is the budget."""
    answers = question(found(fleet(**PRICES)), "budget")
    assert answers["candidate nodes"] == 26
    assert answers["money saved a month, node-hours"] == pytest.approx((240 - 26 * 9) * H)
    electricity = question(found(fleet(energy_price_per_kwh=(0.1, "USD/kWh"))), "budget")
    assert electricity["candidate nodes"] == 40


def test_fixed_performance_is_the_projection() -> None:
    result = project(
        parse(fleet(utilisation_baseline=(0.9, ""), **IDLE), "f"), with_sensitivity=True
    )
    assert result.sensitivity is not None
    answers = question(result.sensitivity, "performance")
    by_name = {line.name: line.value.value for line in result.lines}
    assert answers["candidate nodes"] == by_name["nodes_candidate"]
    assert answers["work a month, that of the baseline = 1"] == 1
    assert answers["energy saved a month"] == pytest.approx(by_name["saved_energy_mwh"])


def test_questions_without_an_answer() -> None:
    """No price: no budget. Power for less than one node: no fleet."""
    sensitivity = found(fleet())
    budget: FixedQuestion = next(q for q in sensitivity.questions if q.fixed == "budget")
    assert budget.why == "no price is stated"
    assert all(value is None for _, value, _ in budget.answers)
    small = found(fleet(nodes_baseline=(2, "nodes")))
    power = next(q for q in small.questions if q.fixed == "power")
    assert "not enough for one candidate node" in power.why
    assert [value is None for _, value, _ in power.answers] == [False, True, True, True]


def test_all_nodes_run_behind_the_same_supply() -> None:
    """PUE, uncovered watts and losses of the supply are in the power of a node."""
    text = fleet().replace("node-ac", "compute") + "".join(
        (
            entry("pue", 1.5, "", 1.4, 1.6),
            entry("uncovered_baseline_w", 100, "W", 90, 110),
            entry("uncovered_candidate_w", 300, "W", 290, 310),
            entry("psu_efficiency_baseline", 0.8, "", 0.79, 0.81),
            entry("psu_efficiency_candidate", 0.9, "", 0.89, 0.91),
        )
    )
    answers = question(found(text), "power")
    assert answers["candidate nodes"] == math.floor(120 * (600 / 0.8) / (1800 / 0.9))


# ---------------------------------------------------------------- all scenarios


@pytest.mark.parametrize("name", names())
def test_shipped_scenarios(name: str) -> None:
    """Every shipped scenario has a sensitivity, if only an empty one; without the option none."""
    result: Projection = project(read(name), with_sensitivity=True)
    assert result.sensitivity is not None
    assert project(read(name)).sensitivity is None
