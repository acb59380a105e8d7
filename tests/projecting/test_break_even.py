"""The value of an input at which a saving begins or ends, against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.projecting.crossings import crossings, whole_crossings
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from tests.projecting.scenarios import comparison
from tests.projecting.sensitivities import BASE, HEAD, IDLE, PRICES, entry, even, fleet, found


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
    assert 1 < 600 / (470 - 81) < 2
    one = even(sensitivity, "nodes_baseline")
    assert (one.value, one.jumps, one.searched) == (2, True, (1, 12000))
    assert even(sensitivity, "utilisation_baseline").value is None


def test_no_solution_in_the_range() -> None:
    """The price of electricity scales the money and never makes it 0."""
    sensitivity = found(fleet(energy_price_per_kwh=(0.1, "USD/kWh")))
    one = even(sensitivity, "energy_price_per_kwh", "saved_cost_per_month")
    assert (one.value, one.crossings, one.searched) == (None, 0, (0.001, 10))


def test_full_load_without_idle_power_has_no_break_even_of_utilisation() -> None:
    """The model permits nothing below full load there. The powers have a place of their own."""
    sought = {one.input for one in found(fleet()).break_evens}
    assert sought == {"nodes_baseline", "speedup", "power_baseline_w", "power_candidate_w"}


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
    """Every input at whose value the saving is 0, whatever its unit."""
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
        {"hall": 15.0, "rate": 1.5, "fee": 4.0}
    )
    assert sensitivity.questions == ()


@pytest.mark.parametrize("table", ["inputs", "unknowns"])
def test_a_speedup_that_a_comparison_replaced_has_a_break_even(table: str) -> None:
    """Whether the scenario states it as an input or as an unknown, and of several comparisons."""
    stated = 'measured = "speedup"\n'
    if table == "unknowns":
        stated += 'label = "speedup"\nlow = 1\nhigh = 12\nsource = "s"\n'
    text = (
        HEAD
        + f"[{table}.s]\n{stated}"
        + entry("n", 10, "servers")
        + '[[lines]]\nname = "m"\nformula = "n * (s - 3)"\nunit = "MWh"\n'
        + '[results]\nsaved_mwh_per_month = "m"\n'
        + '[[claims]]\nname = "c"\nclaimed = 12\nop = "up to"\nderived = "s"\nsource = "s"\n'
    )
    for comparisons in ((comparison(),), (comparison(), comparison("sdpa"))):
        result = project(parse(text, "f.toml"), comparisons, "f.toml", with_sensitivity=True)
        assert result.sensitivity is not None
        values = {one.input: one.value for one in result.sensitivity.break_evens}
        assert values == {"s": pytest.approx(3), "n": None}
        assert all(one.label for one in result.sensitivity.break_evens if one.input == "s")


@pytest.mark.parametrize(
    ("name", "value", "unit", "place"),
    [
        ("s", 4.0, "", 3.0),
        ("u", 0.5, "", 0.375),
        ("u", 0.5, "share", 0.375),
        ("servers", 10.0, "servers", None),
        ("price", 0.5, "USD/kWh", 0.375),
    ],
)
def test_plain_numbers_are_speedups_and_utilisations(
    name: str, value: float, unit: str, place: float | None
) -> None:
    """In a scenario of own lines, inputs are known by their units: a name decides nothing, and that
    there is no solution is said.
    """
    factor = "1" if place is None else f"(x / {place} - 1)"
    text = (
        HEAD
        + 'currency = "USD"\n'
        + f'[inputs.x]\nvalue = {value}\nunit = "{unit}"\nsource = "s"\ndate = "2024"\n'
        + entry("k", 2, "kg")
        + f'[[lines]]\nname = "m"\nformula = "k * x * {factor}"\nunit = "MWh"\n'
        + '[results]\nsaved_mwh_per_month = "m"\n'
    )
    (one,) = found(text).break_evens
    assert (one.input, one.value) == ("x", None if place is None else pytest.approx(place)), name
    if max(value, 1) == 1 and unit == "share":
        assert one.searched[1] == 1


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


@pytest.mark.parametrize("edge", [1.2345678, 3.0, 7.77])
def test_a_function_that_stays_0_crosses_at_the_first_place(edge: float) -> None:
    """Also if it jumps to 0 between two points of the scan, and stays there."""
    stays = crossings(lambda x: np.where(np.asarray(x) < edge, -5.0, 0.0), 0.1, 10.0)
    assert stays.first == pytest.approx(edge, rel=1e-12)
    assert stays.number == 1


# ---------------------------------------------------------------- whole numbers


@pytest.mark.parametrize("root", [2.0, 2.25, 3.5, 999.5, 30_000.25, 9_999_999.75, 123.0])
@pytest.mark.parametrize("slope", [-1.0, 1.0])
def test_a_change_of_sign_lies_between_two_whole_numbers(root: float, slope: float) -> None:
    """If the root is a whole number, it is the place itself."""
    result = whole_crossings(lambda x: slope * (x - root), 1.0, 2e7)
    assert result.first == math.ceil(root)
    assert result.jumps == (not root.is_integer())
    assert result.number == 1


def test_a_whole_number_at_which_nothing_is_saved() -> None:
    """Binary rounding of the function makes no change of sign of it."""
    result = whole_crossings(lambda x: 0.1 * x + 0.2 - 0.1 * 7 - 0.2, 1.0, 100.0)
    assert (result.first, result.jumps) == (7, False)


def test_whole_numbers_without_a_crossing() -> None:
    assert whole_crossings(lambda x: 0 * x + 1.0, 1.0, 10.0).first is None
    assert whole_crossings(lambda x: 0 * x, 1.0, 10.0).everywhere
    assert whole_crossings(lambda x: x, 1.2, 1.8).first is None


@pytest.mark.parametrize("idle", [{}, IDLE])
@pytest.mark.parametrize("speedup", [1.7, 3.3, 10.0, 41.0])
def test_break_evens_in_nodes_are_numbers_of_nodes(
    speedup: float, idle: dict[str, tuple[float, str]]
) -> None:
    """Whatever the fleet: with one node fewer, the saving has the other sign."""
    made = fleet(speedup=(speedup, ""), nodes_baseline=(40, "nodes"), **PRICES, **idle)
    for one in found(made).break_evens:
        if one.unit != "nodes":
            continue
        assert all(end.is_integer() for end in one.searched)
        if one.value is None:
            continue
        assert one.value.is_integer()
        signs = []
        for nodes in (one.value - 1, one.value):
            text = fleet(speedup=(speedup, ""), nodes_baseline=(nodes, "nodes"), **PRICES, **idle)
            if nodes:
                projected = project(parse(text, "f.toml"), (), "f.toml")
                signs.append(math.copysign(1, getattr(projected, one.answer).value))
        if one.jumps:
            assert signs[0] != signs[1]
