"""Every identity of the published claims, the tables behind them, and their figures in the
documentation.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.model import Projection
from energybench.projecting import dated_tables as tables
from energybench.projecting.fleet_inputs import STANDARD
from energybench.projecting.formula import FUNCTIONS
from energybench.projecting.mix import QUANTITIES
from energybench.projecting.project import project
from energybench.projecting.scenario import Results
from energybench.projecting.scenario_files import names, read
from energybench.units import show
from tests.projecting.test_project import codes, comparison, line


@pytest.fixture(scope="module")
def nersc() -> Projection:
    return project(read("nersc-2023"))


@pytest.fixture(scope="module")
def inference() -> Projection:
    return project(read("ai-inference-2023"))


# ---------------------------------------------------------------- nersc-2023


IDENTITIES = [
    ("power_cpu_tdp_w", 560, 0),
    ("power_gpu_tdp_w", 1880, 0),
    ("gpu_energy_mwh", 147, 0.2),
    ("cpu_energy_mwh", 735, 1),
    ("saved_energy_mwh", 588, 1),
    ("saved_energy_b_mwh", 588, 2),
    ("needed_cpu_energy_mwh", 735, 0.001),
    ("needed_cpu_power_mw", 1.007, 0.0005),
    ("needed_gpu_power_kw", 201, 0.5),
    ("needed_nodes_at_tdp", 107, 0.5),
    ("needed_nodes_b", 128, 0.5),
    ("needed_power_ratio", 2.4, 1e-9),
    ("needed_cpu_node_w", 784, 0.5),
    ("needed_cpu_node_b_w", 656, 0.5),
    ("rest_sum_if_arithmetic", 1.7, 1e-9),
    ("rest_each_if_geometric", 2.74, 0.005),
    ("rest_each_if_harmonic", 3.45, 0.005),
    ("ratio_at_tdp", 3.57, 0.005),
    ("deepcam_power_ratio_most", 1.22, 0.005),
    ("nodes_for_claim_hb120rs_v3", 193, 0),
    ("nodes_for_claim_m5_24xlarge", 135, 0),
    ("nodes_for_claim_c6a_32xlarge", 125, 0),
    ("nodes_for_claim_c6i_32xlarge", 109, 0),
    ("nodes_for_claim_m6i_32xlarge", 93, 0),
    ("node_month_hb120rs_v3", 21_000, 500),
    ("node_month_m6i_32xlarge", 43_000, 500),
    ("energy_share_of_money", 0.015, 0.0005),
    ("saved_tco2e", 105, 0.5),
    ("saved_tco2e_usa", 217, 0.5),
    ("saved_tco2e_world", 279, 0.5),
]


@pytest.mark.parametrize(("name", "expected", "within"), IDENTITIES)
def test_nersc_identity(nersc: Projection, name: str, expected: float, within: float) -> None:
    """Relations between the published figures, to the digits of a calculation by hand."""
    assert line(nersc.lines, name).value.value == pytest.approx(expected, abs=max(within, 1e-9))


def test_saving_is_derived_without_the_claim(nersc: Projection) -> None:
    """588 MWh does not enter the line of the energy, nor $4 million the line of the money."""
    for start, claimed in (
        ("saved_energy_mwh", "claimed_mwh"),
        ("saved_instance_cost", "claimed_money"),
    ):
        pending, visited = [start], set()
        while pending:
            name = pending.pop()
            visited.add(name)
            entries = [entry for entry in nersc.lines if entry.name == name]
            pending += [
                used.name for entry in entries for used in entry.inputs if used.name not in visited
            ]
        assert claimed not in visited
        assert len(visited) > 3


def test_nersc_results(nersc: Projection) -> None:
    """Energy, money and carbon of the headline, with intervals."""
    assert nersc.saved_mwh_per_month is not None
    assert nersc.saved_mwh_per_month.low < 588 < nersc.saved_mwh_per_month.high
    assert nersc.saved_cost_per_month is not None
    assert (nersc.saved_cost_per_month.low, nersc.saved_cost_per_month.high) == pytest.approx(
        (2.1e6, 4.8e6), rel=0.02
    )  # over the five CPU instances
    assert nersc.currency == "USD"
    assert {
        "fleet-not-published",
        "full-load",
        "largest-speedup",
        "dated-prices",
        "inferred-inputs",
    } <= set(codes(nersc.doubts))


FITS = {
    "energy saved a month": True,
    "money saved a month, at 12x": True,
    "money saved a month, at the mean 5x": False,
    "energy ratio on average": False,
    "energy ratio of DeepCAM": False,
    "energy ratio of EXAALT": False,
    "TDP of a CPU node against what 107 GPU nodes imply": False,
    "TDP of a CPU node against what 128 GPU nodes imply": False,
    "CPU node in production against what 128 GPU nodes imply": False,
    "A100 GPUs in Perlmutter": True,
    "speedup of up to": None,
}


def test_nersc_claims(nersc: Projection) -> None:
    """Claims that fit, do not fit, or cannot be derived; all with a reason and a source."""
    assert {claim.name: claim.fits for claim in nersc.claims} == FITS
    assert all(claim.why and claim.source for claim in nersc.claims)


def test_reasons_quote_what_is_derived(nersc: Projection, inference: Projection) -> None:
    """A number in a reason is the value of a line."""

    def why(projection: Projection, name: str) -> str:
        return next(claim for claim in projection.claims if claim.name == name).why

    def value(projection: Projection, name: str) -> float:
        return line(projection.lines, name).value.value

    assert f"{value(nersc, 'needed_cpu_node_w'):.0f} W" in why(
        nersc, "TDP of a CPU node against what 107 GPU nodes imply"
    )
    assert f"{value(nersc, 'needed_cpu_node_b_w'):.0f} W" in why(
        nersc, "TDP of a CPU node against what 128 GPU nodes imply"
    )
    assert f"{value(nersc, 'ratio_at_tdp'):.2f}x" in why(nersc, "energy ratio on average")
    for name in ("energy ratio of DeepCAM", "energy ratio of EXAALT"):
        assert f"TDPs give {value(nersc, 'power_ratio_at_tdp'):.2f}" in why(nersc, name)
    assert f"≤ {value(nersc, 'deepcam_power_ratio_most'):.2f} P_cpu" in why(
        nersc, "energy ratio of DeepCAM"
    )
    assert f"≤ {value(nersc, 'exaalt_power_ratio_most'):.2f} P_cpu" in why(
        nersc, "energy ratio of EXAALT"
    )
    assert f"{value(inference, 'home_kwh_implied'):,.0f} kWh".replace(",", " ") in why(
        inference, "homes, as the post counts them"
    )
    assert f"{value(inference, 'cpu_energy_twh'):.2f} TWh" in why(inference, "energy saved a year")
    assert f"{value(inference, 'servers_implied') / 1e6:.1f} million" in why(
        inference, "energy saved a year"
    )
    assert f"{value(inference, 'homes_at_us_mean') / 1e6:.2f} million" in why(
        inference, "homes of the mean U.S. customer"
    )


def test_nersc_with_a_comparison_of_ones_own() -> None:
    """The published fleet with a measured ratio: claims are tested against the measurement."""
    projection = project(read("nersc-2023"), [comparison(speedup=8.0, power_w=(450.0, 1200.0))])
    assert line(projection.lines, "saved_energy_mwh").value.value == pytest.approx(
        107 * 1.88 * 0.73 * (3 - 1)
    )
    assert (
        next(claim for claim in projection.claims if claim.name == "energy saved a month").fits
        is False
    )
    assert "claims-with-own-inputs" in codes(projection.doubts)


# --------------------------------------------------- ai-inference-2023 and example-centre


@pytest.mark.parametrize(
    ("name", "expected", "within"),
    [
        ("cpu_energy_twh", 10.24, 0.005),
        ("gpu_energy_twh", 0.244, 0.0005),
        ("home_kwh_implied", 7143, 0.5),
        ("saved_energy_twh", 10, 0.005),
        ("homes_at_claimed_use", 1.4e6, 1000),
        ("saved_mwh", 833_333, 500),
    ],
)
def test_inference_identity(
    inference: Projection, name: str, expected: float, within: float
) -> None:
    """42x and 10 TWh imply 10.24 and 0.244 TWh, and back; 1.4 million homes 7 143 kWh each, and
    back.
    """
    assert line(inference.lines, name).value.value == pytest.approx(expected, abs=within)


def test_homes_do_not_fit(inference: Projection) -> None:
    """Energy and homes follow from their own quotients; 7 143 kWh is not the mean U.S. home; the
    ratio itself cannot be derived.
    """
    assert {claim.name: claim.fits for claim in inference.claims} == {
        "energy saved a year": True,
        "homes, as the post counts them": True,
        "homes of the mean U.S. customer": False,
        "energy ratio on AI inference": None,
    }
    assert line(inference.lines, "home_share_of_us_mean").value.high < 0.75


def test_example_centre_with_and_without() -> None:
    """The example runs unchanged, and takes a comparison at any boundary."""
    alone = project(read("example-centre"))
    assert alone.saved_mwh_per_month is not None
    assert "comparison-incomplete" in codes(alone.doubts)
    for boundary in ("compute", "device", "node-dc", "node-ac"):
        projection = project(read("example-centre"), [comparison(boundary=boundary)])
        assert projection.saved_mwh_per_month is not None
        assert projection.saved_mwh_per_month.value > 0
        assert "comparison-incomplete" not in codes(projection.doubts)
    project(
        read("example-centre"),
        [
            comparison(idle_w=(None, None), boundary="compute"),
            comparison("sdpa", boundary="compute"),
        ],
    )


@pytest.mark.parametrize("name", names())
def test_built_in_scenarios(name: str) -> None:
    """A built-in scenario has the name of its file, a title, and a source for every input."""
    scenario = read(name)
    assert scenario.name == name
    assert scenario.title
    assert scenario.about
    assert all(entry.source for entry in scenario.inputs)
    projection = project(scenario)
    assert all(used.source for entry in projection.lines for used in entry.inputs)


# ---------------------------------------------------------------- tables


def test_carbon_rows() -> None:
    """Countries, states and the world, with the year of the value; pounds per MWh become g/kWh."""
    assert tables.carbon("USA", "w").value == pytest.approx(369, abs=0.5)
    assert tables.carbon("california", "w").value == pytest.approx(179, abs=0.5)
    assert tables.carbon("US-CA", "w") == tables.carbon("California", "w")
    assert tables.carbon("world", "w").value == 475
    assert tables.carbon("DEU", "w") == tables.carbon("germany", "w")
    assert all(
        tables.carbon(region, "w").date in tables.carbon(region, "w").source
        for region in ("USA", "US-TX", "FRA")
    )
    with pytest.raises(BadInput, match=r"a country and a U\.S\. state"):
        tables.carbon("Georgia", "w")
    assert tables.carbon("GEO", "w") != tables.carbon("US-GA", "w")
    with pytest.raises(BadInput, match="did you mean germany"):
        tables.carbon("germny", "w")


def test_codecarbon_is_not_imported() -> None:
    """The tables of codecarbon are read without an import, which would initialise NVML."""
    loaded = "any(m.partition('.')[0] in ('codecarbon', 'pynvml') for m in sys.modules)"
    code = (
        "import sys; from energybench.projecting import dated_tables; "
        "dated_tables.carbon('USA', 'w'); "
        f"sys.exit({loaded})"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_prices() -> None:
    """A price has provider, date and source; no price is called current."""
    row = tables.price("c6i.32xlarge", "w")
    assert (row.value, row.unit, row.date) == (5.44, "USD/h", "2023-11/2024-04")
    assert "exported between Nov 2023 and Apr 2024" in row.source
    with pytest.raises(BadInput, match=r"'c6i' is not in data/prices\.csv \(have"):
        tables.price("c6i", "w")
    with pytest.raises(BadInput, match="did you mean us_home_kwh_per_year"):
        tables.equivalence("us_home_kwh", "w")


def test_a_copied_file_is_read_like_the_built_in(tmp_path: Path) -> None:
    """Copying the example gives the same projection."""
    from importlib.resources import files

    copy = tmp_path / "centre.toml"
    copy.write_text(
        files("energybench.data").joinpath("scenarios", "example-centre.toml").read_text("utf-8"),
        "utf-8",
    )
    assert project(read(str(copy))) == project(read("example-centre"))


def test_documented_table_is_what_is_derived(nersc: Projection) -> None:
    """docs/projecting.md shows the figures that the scenario gives."""
    text = (Path(__file__).parents[2] / "docs" / "projecting.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| ([^|]+?) \|$", text, re.MULTILINE)
    assert len(rows) == 20
    for name, stated in rows:
        entries = line(nersc.lines, name)
        assert show(entries.value, entries.unit).replace("\u202f", " ") == stated.replace(
            "\u202f", " "
        ), name


def test_documented_keys() -> None:
    """Every standard input of the fleet model, every quantity and every function stands in
    docs/projecting.md.
    """
    text = (Path(__file__).parents[2] / "docs" / "projecting.md").read_text("utf-8")
    for name in (*STANDARD, *QUANTITIES, *FUNCTIONS, *Results.__struct_fields__):
        assert re.search(rf"[` ]{name}[` ]", text), name
