"""Every identity of the published claims, the tables behind them, and their figures in the
documentation.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.formula import FUNCTIONS
from energybench.model import Projection
from energybench.projecting import dated_tables as tables
from energybench.projecting.fleet_inputs import STANDARD
from energybench.projecting.mix import QUANTITIES
from energybench.projecting.project import project
from energybench.projecting.scenario import MEANS, PublishedClaim, Results, ScenarioUnknown
from energybench.projecting.scenario_files import names, read
from energybench.units import show
from tests.projecting.scenarios import codes, comparison, line


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
    ("needed_cpu_energy_mwh", 735, 0.001),
    ("needed_cpu_power_mw", 1.007, 0.0005),
    ("needed_gpu_power_kw", 201, 0.5),
    ("needed_nodes_at_tdp", 107, 0.5),
    ("needed_power_ratio", 2.4, 1e-9),
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
    ("saving_tco2e", 105, 0.5),
    ("saving_tco2e_usa", 217, 0.5),
    ("saving_tco2e_world", 279, 0.5),
]


@pytest.mark.parametrize(("name", "expected", "within"), IDENTITIES)
def test_nersc_identity(nersc: Projection, name: str, expected: float, within: float) -> None:
    """Relations between the published figures, to the digits of a calculation by hand."""
    assert line(nersc.lines, name).value.value == pytest.approx(expected, abs=max(within, 1e-9))


def test_the_headline_is_not_the_claim(nersc: Projection) -> None:
    """The post names no fleet: no saving is derived, and none stands in the headline."""
    assert nersc.saved_mwh_per_month is None
    assert nersc.saved_cost_per_month is None
    assert nersc.saved_tco2e_per_month is None
    assert {"fleet-not-published", "full-load", "largest-speedup", "dated-prices"} <= set(
        codes(nersc.doubts)
    )


def test_the_figure_of_a_caption_excludes_no_figure_of_the_text(nersc: Projection) -> None:
    """5x energy and 5x speedup exclude each other: the text of the post goes before a caption."""
    assert nersc.solution is not None
    assert nersc.solution.contested == ()
    excluding = {claim.name: claim.excluded_by for claim in nersc.claims if claim.excluded_by}
    assert "energy ratio on average" in excluding["speedup overall"]
    scenario = read("nersc-2023")
    equal = [msgspec.structs.replace(claim, secondary=False) for claim in scenario.claims]
    undecided = project(msgspec.structs.replace(scenario, claims=tuple(equal)))
    assert undecided.solution is not None
    assert undecided.solution.contested == ("energy ratio on average", "speedup overall")


def test_one_fleet_satisfies_four_figures(nersc: Projection) -> None:
    """5x, 12x, 588 MWh and more than $4 million at once: 196 GPU nodes of 1.03 kW, CPU nodes of
    428 W, HB120rs v3.
    """
    solution = nersc.solution
    assert solution is not None
    assert solution.holds == (
        "energy saved a month",
        "energy ratio on average",
        "largest speedup",
        "money saved a month",
    )
    best = {unknown.name: unknown.best for unknown in solution.unknowns}
    assert best["nodes_gpu"] == 196
    assert best["power_gpu_w"] == pytest.approx(1027.2, abs=0.5)
    assert best["power_cpu_w"] == pytest.approx(428, abs=0.1)
    assert best["speedup"] == pytest.approx(12)
    assert best["price_cpu_per_h"] == pytest.approx(3.6)
    money = next(claim for claim in nersc.claims if claim.name == "money saved a month")
    assert money.derived is not None
    assert money.derived.value == pytest.approx(4.08e6, rel=0.001)
    implied = {entry.name: entry.best for entry in solution.implied}
    assert implied["nodes_cpu"] == pytest.approx(12 * 196, abs=1)


def test_ranges_of_the_solution(nersc: Projection) -> None:
    """Over all solutions: a speedup of 6.8x or more, for at 846 W of a GPU node and 560 W of a CPU
    node 4.5x needs so much.
    """
    assert nersc.solution is not None
    ranges = {unknown.name: unknown.solution for unknown in nersc.solution.unknowns}
    assert ranges["speedup"] == pytest.approx((846 * 4.5 / 560, 12), rel=1e-3)
    assert ranges["power_cpu_w"] == pytest.approx((373, 560), rel=1e-3)
    assert ranges["power_gpu_w"] == pytest.approx((846, 12 * 560 / 4.5), rel=1e-3)


@pytest.mark.parametrize(
    ("claim", "most_w", "nearest_w", "shares"),
    [
        ("energy ratio of DeepCAM", 12 * 560 / 9.8, 12 * 428 / 9.8, (28, 36)),
        ("energy ratio of EXAALT", 12 * 560 / 8.5, 12 * 428 / 8.5, (32, 42)),
    ],
)
def test_ratios_of_applications_are_tensions(
    nersc: Projection, claim: str, most_w: float, nearest_w: float, shares: tuple[int, int]
) -> None:
    """9.8x and 8.5x at 12x or less need GPU nodes far below component TDP: a tension, and no
    contradiction.
    """
    assert nersc.solution is not None
    assert claim in nersc.solution.fails
    tension = next(
        tension
        for tension in nersc.solution.tensions
        if (tension.claim, tension.unknown) == (claim, "power_gpu_w")
    )
    assert tension.needed[1] == pytest.approx(most_w, rel=2e-3)
    assert tension.nearest == pytest.approx(nearest_w, rel=1e-4)
    assert tension.whole == 1880
    assert (round(100 * nearest_w / 1880), round(100 * most_w / 1880)) == shares
    assert f"{shares[1]} % of component TDP" in tension.why
    assert f"({shares[0]} %)" in tension.why


VERDICTS = {
    "energy saved a month": "consistent",
    "energy ratio on average": "consistent",
    "largest speedup": "consistent",
    "money saved a month": "consistent",
    "energy ratio of DeepCAM": "needs",
    "energy ratio of EXAALT": "needs",
    "speedup overall": "needs",
    "A100 GPUs in Perlmutter": "consistent",
}


def test_nersc_claims(nersc: Projection) -> None:
    """Verdicts with a reason and a source; what a figure needs stands beside it."""
    assert {claim.name: claim.verdict for claim in nersc.claims} == VERDICTS
    assert all(claim.why and claim.source for claim in nersc.claims)
    assert all(bool(claim.needs) is (claim.verdict == "needs") for claim in nersc.claims)


# --------------------------------------------------- ai-inference-2023 and example-centre


@pytest.mark.parametrize(
    ("name", "expected", "within"),
    [
        ("needed_cpu_energy_twh", 10.24, 0.005),
        ("needed_gpu_energy_twh", 0.244, 0.0005),
        ("home_kwh_implied", 7143, 0.5),
        ("homes_at_us_mean", 926_698, 1),
    ],
)
def test_inference_identity(
    inference: Projection, name: str, expected: float, within: float
) -> None:
    """42x and 10 TWh imply 10.24 and 0.244 TWh, and back; 1.4 million homes 7 143 kWh each, and
    back.
    """
    assert line(inference.lines, name).value.value == pytest.approx(expected, abs=within)


def test_homes_need_thrifty_states(inference: Projection) -> None:
    """10 TWh and 1.4 million homes go together if a home uses two thirds of the U.S. mean; the
    ratio itself cannot be derived.
    """
    assert {claim.name: claim.verdict for claim in inference.claims} == {
        "energy saved a year": "consistent",
        "homes": "consistent",
        "homes of the mean U.S. customer": "needs",
        "energy ratio on AI inference": "cannot-be-derived",
    }
    assert line(inference.lines, "home_share_of_us_mean").value.high < 75
    assert inference.saved_mwh_per_month is None
    assert inference.solution is not None
    best = {unknown.name: unknown.best for unknown in inference.solution.unknowns}
    assert best["home_kwh"] == pytest.approx(10e9 / 1.4e6)
    why = next(claim for claim in inference.claims if claim.name == "homes").why
    assert "7\u202f140 kWh" in why


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
    """A built-in scenario has the name of its file, a title, a source for every input, and words
    for every line and input: identifiers are for formulas.
    """
    scenario = read(name)
    assert scenario.name == name
    assert scenario.title
    assert scenario.about
    assert all(entry.source for entry in scenario.inputs)
    assert all(entry.label for entry in scenario.inputs)
    assert all(step.label for step in scenario.lines)
    projection = project(scenario)
    assert all(used.source and used.label for entry in projection.lines for used in entry.inputs)
    assert all(entry.group for entry in projection.lines)


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
    assert len(rows) == 10
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
    keys = (*PublishedClaim.__struct_fields__, *ScenarioUnknown.__struct_fields__)
    for name in (*STANDARD, *QUANTITIES, *FUNCTIONS, *Results.__struct_fields__, *keys, *MEANS):
        assert re.search(rf"[`\" ]{name}[`\" ]", text), name
