"""Swings and the four questions of a centre, against arithmetic by hand."""

from __future__ import annotations

import math

import pytest

from energybench.analysis.uncertainty.effects import combine, normal
from energybench.model import FixedQuestion, Projection
from energybench.projecting.project import project
from energybench.projecting.scenario_files import names, parse, read
from tests.projecting.scenarios import comparison
from tests.projecting.sensitivities import HEAD, IDLE, PRICES, H, entry, fleet, found, question

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
    assert (swing.input, swing.interval_of) == ("speedup", "measured")
    assert swing.stated == pytest.approx((10 - 0.98, 10 + 0.98), abs=0.01)


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
