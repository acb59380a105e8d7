"""nersc-2023 with comparisons of one's own: the power of the fleet, and claims of applications."""

from __future__ import annotations

import statistics

import msgspec
import pytest

from energybench.analysis.uncertainty.effects import exact
from energybench.model import Comparison
from energybench.projecting.project import project
from energybench.projecting.scenario_files import read
from tests.cli.process import in_process
from tests.projecting.scenarios import codes, comparison, line


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The comparison of the two shipped replays."""
    from importlib.resources import files

    folder = tmp_path_factory.mktemp("replays")
    runs = []
    for name in ("cpu-node", "gpu-node"):
        replay = str(files("energybench.data").joinpath("replays", f"{name}.toml"))
        ran = in_process("measure", "--replay", replay, "--out", str(folder / name), cwd=folder)
        assert ran.code == 0, ran.err
        runs.append(str(next((folder / name).iterdir())))
    ran = in_process("compare", *runs, "--json", cwd=folder)
    return msgspec.json.decode(ran.out.encode(), type=Comparison)


def test_the_power_of_a_comparison_replaces_that_of_the_fleet(replays: Comparison) -> None:
    """107 nodes at the measured 1.372 kW and 4.63x save 389 MWh, and not 533 MWh of 107 nodes at
    TDP.
    """
    projection = project(read("nersc-2023"), [replays])
    candidate_w = replays.power_w[1]
    assert candidate_w is not None
    assert replays.energy_ratio is not None
    assert projection.saved_mwh_per_month is not None
    assert projection.saved_mwh_per_month.value == pytest.approx(
        107 * candidate_w.value * 730 / 1e6 * (replays.energy_ratio.value - 1), rel=0.01
    )
    assert projection.saved_mwh_per_month.value == pytest.approx(389, abs=1)
    used = {used.name: used for entry in projection.lines for used in entry.inputs}
    assert used["power_gpu_w"].evidence == "replayed"


def test_nersc_with_a_comparison_of_ones_own() -> None:
    """Claims are tested against the measurement; the fleet that was not measured stays open, and
    no whole number of nodes gives the published saving.
    """
    projection = project(read("nersc-2023"), [comparison(speedup=8.0, power_w=(450.0, 1200.0))])
    assert line(projection.lines, "saved_energy_mwh").value.value == pytest.approx(
        107 * 1.2 * 0.73 * (3 - 1)
    )
    claims = {claim.name: claim for claim in projection.claims}
    average = claims["energy ratio on average"]
    assert (average.verdict, average.derived) == ("needs", exact(3.0))
    assert average.needs == (
        "comparisons of BerkeleyGW, EXAALT, DeepCAM as well",
        "5, where the comparison gives 3.000",
    )
    assert "milc cpu → milc cuda" in average.tested
    assert projection.solution is not None
    tension = projection.solution.tensions[0]
    assert (tension.claim, tension.unknown) == ("energy saved a month", "nodes_gpu")
    per_node_mwh = 730 * (8 * 450 - 1200) / 1e6
    assert tension.needed == pytest.approx(
        [saved_mwh * 588 / per_node_mwh for saved_mwh in (1 - 0.00086, 1 + 0.00086)], rel=1e-5
    )
    assert "between 335 and 336 nodes" in tension.why
    assert claims["energy saved a month"].verdict == "needs"
    assert "claims-with-own-inputs" in codes(projection.doubts)


FOUR = (
    comparison("milc", speedup=3.5, power_w=(500.0, 1300.0)),
    comparison("berkeleygw", speedup=5.0, power_w=(500.0, 1200.0)),
    comparison("deepcam", speedup=11.0, power_w=(560.0, 633.0)),
    comparison("exaalt", speedup=11.0, power_w=(520.0, 674.0)),
)


def test_claims_of_applications_are_tested_against_their_comparisons() -> None:
    """DeepCAM's 9.8x against DeepCAM's comparison, EXAALT's 8.5x against EXAALT's, in any case of
    the letters; the mean that is not said against all three means.
    """
    claims = {claim.name: claim for claim in project(read("nersc-2023"), FOUR).claims}
    for name, ratio in (("DeepCAM", 11 * 560 / 633), ("EXAALT", 11 * 520 / 674)):
        claim = claims[f"energy ratio of {name}"]
        assert claim.derived is not None
        assert claim.derived.value == pytest.approx(ratio)
        assert name.lower() in claim.tested
        assert "milc" not in claim.tested
    ratios = [11 * 560 / 633, 11 * 520 / 674, 3.5 * 500 / 1300, 5 * 500 / 1200]
    average = claims["energy ratio on average"]
    means = {one.mean: one for one in average.by_mean}
    assert list(means) == ["arithmetic", "geometric", "energy-weighted"]
    assert means["arithmetic"].value.value == pytest.approx(statistics.fmean(ratios))
    assert means["geometric"].value.value == pytest.approx(statistics.geometric_mean(ratios))
    assert not means["energy-weighted"].holds
    assert means["arithmetic"].holds
    assert average.verdict == "consistent"
