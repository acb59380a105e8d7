"""Carbon says its basis, and an SCI score has embodied carbon and a functional unit, or is not
given.
"""

from __future__ import annotations

from typing import Any

import pytest

from energybench.cli import projection_text
from energybench.errors import BadInput
from energybench.model import Document, Line, Projection, carbon_basis
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from energybench_reports.markdown import Markdown
from energybench_reports.tables.table import table
from energybench_reports.terminal import Terminal
from tests.projecting.scenarios import codes

FLEET = """
schema = "energybench-scenario/1"
name = "n"
title = "T"
about = "A"
model = "fleet"
boundary = "node-ac"
"""
BASE = {
    "nodes_baseline": (120, "nodes"),
    "speedup": (12, ""),
    "power_baseline_w": (500, "W"),
    "power_candidate_w": (1500, "W"),
    "utilisation_baseline": (1, ""),
    "utilisation_candidate": (1, ""),
}
EMBODIED = {
    "embodied_kgco2e_baseline": (1200, "kg CO2e"),
    "embodied_kgco2e_candidate": (4800, "kg CO2e"),
    "life_years_baseline": (5, "years"),
    "life_years_candidate": (4, "years"),
    "functional_units_per_month": (1e6, "solve"),
}
E_B, E_C = 120 * 500 * 730 / 1e6, 10 * 1500 * 730 / 1e6  # MWh a month


def entry(name: str, value: float, unit: str, **more: str) -> str:
    keys = "".join(f'{key} = "{text}"\n' for key, text in {"date": "2025", **more}.items() if text)
    return f'[inputs.{name}]\nvalue = {value}\nunit = "{unit}"\nsource = "s"\n{keys}'


def fleet(*entries: str, **more: tuple[float, str]) -> Projection:
    tables = [entry(name, *stated) for name, stated in {**BASE, **more}.items()]
    return project(parse(FLEET + "".join((*tables, *entries)), "f.toml"), (), "f.toml")


def lines(result: Projection) -> dict[str, Line]:
    return {line.name: line for line in result.lines}


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("location", "location-based"),
        ("market", "market-based"),
        ("own", "own figure"),
        ("", "own figure"),
    ],
)
def test_carbon_says_its_basis(basis: str, words: str) -> None:
    """As the input says; a figure that says nothing is nobody's grid."""
    result = fleet(entry("carbon_g_per_kwh", 20, "g/kWh", basis=basis))
    line = lines(result)["saved_tco2e"]
    assert words in line.label
    assert words in line.note
    others = {"location-based", "market-based", "own figure"} - {words}
    assert not any(other in line.label for other in others)
    (used,) = [used for used in line.inputs if used.name == "carbon_g_per_kwh"]
    assert used.basis == (basis or "own")
    assert words in used.source


def test_a_row_of_the_tables_is_location_based() -> None:
    result = fleet('[inputs.carbon_g_per_kwh]\ncarbon = "FRA"\n')
    line = lines(result)["saved_tco2e"]
    assert "location-based" in line.label
    assert line.inputs[-1].basis == "location"


def test_both_figures_stand_beside_each_other() -> None:
    """Dual reporting of Scope 2: location-based is the answer, market-based a line of its own."""
    result = fleet(
        entry("carbon_g_per_kwh", 400, "g/kWh", basis="location"),
        entry("carbon_market_g_per_kwh", 20, "g/kWh", basis="market"),
    )
    by_name = lines(result)
    assert by_name["saved_tco2e"].value.value == pytest.approx((E_B - E_C) * 0.4)
    assert by_name["saved_tco2e_market"].value.value == pytest.approx((E_B - E_C) * 0.02)
    assert "market-based" in by_name["saved_tco2e_market"].label
    assert result.saved_tco2e_per_month == by_name["saved_tco2e"].value


def test_the_market_figure_alone_is_the_answer() -> None:
    result = fleet(entry("carbon_market_g_per_kwh", 20, "g/kWh", basis="market"))
    assert result.saved_tco2e_per_month == lines(result)["saved_tco2e_market"].value


def test_sci_score_of_both_sides() -> None:
    """((E · I) + M) per R with M = TE · TS · RS, by hand; the baseline by the identical method."""
    result = fleet(
        entry("carbon_g_per_kwh", 400, "g/kWh", basis="location"),
        **EMBODIED,
        share_candidate=(0.5, ""),
    )
    by_name = lines(result)
    embodied = {
        "baseline": 120 * 1200 * 730 / (5 * 8760),
        "candidate": 10 * 4800 * 730 / (4 * 8760) * 0.5,
    }
    for side, energy_mwh in (("baseline", E_B), ("candidate", E_C)):
        assert by_name[f"embodied_{side}_kgco2e"].value.value == pytest.approx(embodied[side])
        score = by_name[f"sci_{side}"]
        assert score.unit == "g CO2e/solve"
        assert score.value.value == pytest.approx(
            (energy_mwh * 1e3 * 400 + embodied[side] * 1e3) / 1e6
        )
    assert "no-sci-score" not in codes(result.doubts)


@pytest.mark.parametrize("missing", list(EMBODIED))
def test_without_embodied_carbon_there_is_no_score(missing: str) -> None:
    """SCI 1.1 requires M: a doubt names the quantity that is not stated."""
    stated = {name: value for name, value in EMBODIED.items() if name != missing}
    result = fleet(entry("carbon_g_per_kwh", 400, "g/kWh", basis="location"), **stated)
    assert not any(name.startswith("sci_") for name in lines(result))
    (doubt,) = [doubt for doubt in result.doubts if doubt.code == "no-sci-score"]
    side = missing.rpartition("_")[2]
    word = "functional" if missing.startswith("functional") else side
    assert word in doubt.message


@pytest.mark.parametrize("basis", ["market", "own"])
def test_a_score_takes_no_market_measures(basis: str) -> None:
    result = fleet(entry("carbon_g_per_kwh", 20, "g/kWh", basis=basis), **EMBODIED)
    assert not any(name.startswith("sci_") for name in lines(result))
    (doubt,) = [doubt for doubt in result.doubts if doubt.code == "no-sci-score"]
    assert "location-based" in doubt.message


def test_a_market_figure_beside_the_location_does_not_enter_the_score() -> None:
    market = entry("carbon_market_g_per_kwh", 1, "g/kWh", basis="market")
    location = entry("carbon_g_per_kwh", 400, "g/kWh", basis="location")
    assert (
        lines(fleet(location, market, **EMBODIED))["sci_candidate"].value
        == lines(fleet(location, **EMBODIED))["sci_candidate"].value
    )


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (
            [entry("carbon_g_per_kwh", 20, "g/kWh", basis="green")],
            "inputs.carbon_g_per_kwh.basis: invalid enum value 'green'",
        ),
        (
            [entry("pue", 1.2, "", basis="location")],
            "inputs.pue.basis: belongs to a carbon intensity",
        ),
        (
            [entry("carbon_market_g_per_kwh", 20, "g/kWh", basis="location")],
            "inputs.carbon_market_g_per_kwh.basis: is 'location'",
        ),
        (
            [
                entry("carbon_g_per_kwh", 20, "g/kWh", basis="market"),
                entry("carbon_market_g_per_kwh", 30, "g/kWh", basis="market"),
            ],
            "inputs.carbon_g_per_kwh.basis: is 'market', and carbon_market_g_per_kwh is given too",
        ),
        (
            [entry("functional_units_per_month", 1, "")],
            "inputs.functional_units_per_month.unit: is empty",
        ),
        ([entry("share_baseline", 1.5, "")], "inputs.share_baseline: 1.5 [1.5, 1.5] lies out"),
        ([entry("life_years_baseline", 0, "years")], "inputs.life_years_baseline: 0 [0, 0] lies"),
        (
            ['[inputs.carbon_g_per_kwh]\ncarbon = "FRA"\nbasis = "market"\n'],
            "inputs.carbon_g_per_kwh.basis: does not go with carbon",
        ),
    ],
)
def test_a_mistake_is_one_line(entries: list[str], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        fleet(*entries)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


# ---------------------------------------------------------------- PUE and utilisation


def test_a_pue_has_category_year_and_site() -> None:
    """Category, year and site are printed with the source; a doubt names the missing ones."""
    described = fleet(entry("pue", 1.2, "", category="intermediate", site="Halle 3"))
    used: Any = next(used for line in described.lines for used in line.inputs if used.name == "pue")
    assert used.source == "s (2025, category intermediate, Halle 3)"
    assert (used.category, used.date, used.site) == ("intermediate", "2025", "Halle 3")
    assert "pue-not-described" not in codes(described.doubts)
    bare = fleet(entry("pue", 1.2, "", date=""))
    (doubt,) = [doubt for doubt in bare.doubts if doubt.code == "pue-not-described"]
    assert doubt.message.endswith("its category, the year, the site")
    assert "pue-not-described" not in codes(fleet().doubts)


def test_a_category_is_that_of_a_pue() -> None:
    for wrong, words in (
        (entry("pue", 1.2, "", category="gold"), "pue.category: invalid enum value 'gold'"),
        (
            entry("uncovered_baseline_w", 70, "W", category="basic"),
            "uncovered_baseline_w.category: belongs to a PUE",
        ),
    ):
        with pytest.raises(BadInput, match=words):
            fleet(wrong)


def test_utilisation_is_that_of_node_hours() -> None:
    """Of a GPU node the CPU utilisation says nothing (ISO/IEC 30134-5): allocated node-hours
    count.
    """
    assert "node-hours allocated" in lines(fleet())["nodes_busy"].note


OWN = """
[inputs.saved_mwh]
value = 10
unit = "MWh"
source = "s"
[[lines]]
name = "kg"
formula = "saved_mwh * intensity"
unit = "kg CO2e"
[[lines]]
name = "co2"
label = "carbon that nobody emits"
formula = "kg / 1000"
unit = "t CO2e"
[results]
saved_tco2e_per_month = "co2"
"""


@pytest.mark.parametrize(
    ("unit", "basis", "words"),
    [
        ("g/kWh", "location", "location-based"),
        ("g/kWh", "market", "market-based"),
        ("g/kWh", "", "own figure"),
        ("", "", "basis not stated"),
    ],
)
def test_every_answer_of_carbon_has_its_basis(unit: str, basis: str, words: str) -> None:
    """Also of lines of one's own, whatever their label says, in words, pages and tables."""
    head = FLEET.replace('model = "fleet"\n', "")
    own = parse(head + entry("intensity", 20, unit, basis=basis) + OWN, "f.toml")
    result = project(own, (), "f.toml")
    assert carbon_basis(result) == words
    answer = next(
        row for row in projection_text.text(result).splitlines() if "saved a month" in row
    )
    assert f"t CO2e ({words})" in answer
    document = Document(title="t", results=(result,))
    for report in (Markdown(), Terminal()):
        words_of_page = " ".join(report.render(document).decode().split())
        assert f"carbon saved a month 0.2 t CO2e ({words})" in words_of_page.replace("**", "")
    (row,) = [row for row in table(document) if row.quantity == "saved_co2e_per_month"]
    assert row.source == words
