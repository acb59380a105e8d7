"""Facts of a site stand in a file of their own, which scenarios include."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse, read

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
SITE = """\
schema = "energybench-site/1"
name = "here"
currency = "EUR"
[inputs.tariff]
value = 0.2
unit = "EUR/kWh"
source = "the contract"
date = "2026-11-01"
[inputs.not_used]
value = 1
unit = ""
source = "the charge policy"
date = "2026"
"""
SCENARIO = """\
schema = "energybench-scenario/1"
name = "trial"
title = "t"
about = "a"
include = "site.toml"
[inputs.energy_mwh]
value = 3
unit = "MWh"
source = "x"
[[lines]]
name = "cost"
formula = "energy_mwh * 1000 * tariff"
unit = "EUR"
[results]
saved_cost_per_month = "cost"
"""


def written(folder: Path, site: str = SITE, scenario: str = SCENARIO) -> str:
    (folder / "site.toml").write_text(site)
    (folder / "scenario.toml").write_text(scenario)
    return str(folder / "scenario.toml")


def test_a_scenario_computes_with_the_facts_of_its_site(tmp_path: Path) -> None:
    """With their date, and in their currency; a fact that this scenario does not use may stand."""
    result = project(read(written(tmp_path)))
    assert result.saved_cost_per_month is not None
    assert result.saved_cost_per_month.value == pytest.approx(600)
    assert result.currency == "EUR"
    (line,) = result.lines
    assert "the contract (2026-11-01)" in [entry.source for entry in line.inputs]


@pytest.mark.parametrize(
    ("site", "scenario", "words"),
    [
        (('date = "2026-11-01"\n', ""), None, "inputs.tariff.date: is missing"),
        (("2026-11-01", "2026-13-01"), None, "inputs.tariff.date: '2026-13-01' is not a date"),
        (("2026-11-01", "last year"), None, "inputs.tariff.date: 'last year' is not a date"),
        (("source =", "sorce ="), None, "unknown key 'sorce' (did you mean source?)"),
        (('name = "here"', 'nam = "here"'), None, "unknown key 'nam' (did you mean name?)"),
        (("energybench-site/1", "energybench-scenario/1"), None, "site.toml: schema: is "),
        (('unit = "EUR/kWh"', 'unit = "W"\nmeasured = "speedup"'), None, "tariff.measured"),
        (None, ("energy_mwh]", "tariff]"), "inputs.tariff: stands in "),
        (None, ('about = "a"', 'about = "a"\ncurrency = "USD"'), "currency: is 'USD', and that"),
        (None, ("site.toml", "sites.toml"), "sites.toml: no such file"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    site: tuple[str, str] | None,
    scenario: tuple[str, str] | None,
    words: str,
) -> None:
    name = written(
        tmp_path,
        SITE.replace(*site, 1) if site else SITE,
        SCENARIO.replace(*scenario, 1) if scenario else SCENARIO,
    )
    with pytest.raises(BadInput) as refused:
        read(name)
    assert words in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_text_without_a_folder_includes_nothing() -> None:
    with pytest.raises(BadInput, match="include"):
        parse(SCENARIO, "built-in")


def test_the_shipped_fleet_reads() -> None:
    scenario = read(str(CAMPAIGNS / "nersc-like-fleet.toml"))
    assert {"pue", "charge_factor_candidate"} <= {entry.name for entry in scenario.inputs}
    assert scenario.currency == "USD"
