"""What a campaign gives: comparisons, three named means, published ratios, and what is missing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energybench.campaigns.campaign import Campaign
from energybench.campaigns.campaign_file import parse, read
from energybench.campaigns.campaign_folder import CampaignFolder
from energybench.campaigns.collecting import collect
from energybench.campaigns.planned_runs import planned_runs
from energybench.campaigns.report_document import report_document
from energybench.errors import BadInput
from energybench.model import Measurement, Verification
from energybench.store.run import pretty
from tests.analysis.runs import run, work
from tests.campaigns.examples import HEAD

SHIPPED = Path(__file__).parents[2] / "campaigns/nersc-like.toml"
TWO = (
    HEAD
    + """
scenarios = ["nersc-2023"]
[cases.milc]
workload = "milc"
[cases.deepcam]
workload = "deepcam"
[platforms.cpu]
[platforms.gpu]
[[comparisons]]
baseline = "milc@cpu"
candidate = "milc@gpu"
[[comparisons]]
baseline = "deepcam@cpu"
candidate = "deepcam@gpu"
[[published]]
name = "on average"
energy_ratio = 5
source = "a blog"
"""
)
# seconds of a solve; each side draws 220 W, so that these are energies too
TIMES_S = {"milc@cpu": 40.0, "milc@gpu": 10.0, "deepcam@cpu": 90.0, "deepcam@gpu": 10.0}


def store(of: Campaign, folder: CampaignFolder, measured: dict[str, Measurement]) -> None:
    for planned in planned_runs(of):
        if planned.name in measured:
            case = msgspec.structs.replace(
                measured[planned.name], case=planned.key, label=planned.label
            )
            directory = folder.store / planned.name
            directory.mkdir(parents=True)
            (directory / "run.json").write_text(pretty(case))


def measurements() -> dict[str, Measurement]:
    return {
        name: run(
            f"id-{name}",
            times_s=(time_s,) * 3,
            host=name.replace("@", "-"),
            done=work(fingerprint=name.split("@")[0]),
        )
        for name, time_s in TIMES_S.items()
    }


def test_three_named_means_and_the_published_ratio_beside_them(tmp_path: Path) -> None:
    """Ratios 4 and 9: arithmetic 6.5, geometric 6; energy-weighted over equal node-hours."""
    of = parse(TWO, "two.toml", tmp_path)
    folder = CampaignFolder.of(of, local=False)
    store(of, folder, measurements())
    collected = collect(of, folder, "two.toml", local=False)
    result = collected.result
    assert (result.missing, result.refused) == ((), ())
    values = {mean.name: round(mean.value.value, 2) for mean in result.means}
    assert values == {
        "arithmetic mean": 6.5,
        "geometric mean": 6.0,
        "energy-weighted (harmonic) mean": 5.54,
    }
    notes = report_document(collected).notes
    (means,) = [note for note in notes if "arithmetic mean" in note]
    assert "published, on average: 5 (a blog)" in means


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A run of an earlier case, a failed check and a run without a comparison's other side."""
    of = parse(TWO, "two.toml", tmp_path)
    folder = CampaignFolder.of(of, local=False)
    measured = measurements()
    failed = Verification(quantity="residual", value=1.0, tolerance=0.1, passed=False)
    measured["milc@gpu"] = msgspec.structs.replace(measured["milc@gpu"], verification=(failed,))
    store(of, folder, measured)
    changed = parse(
        TWO.replace('workload = "deepcam"', 'workload = "deepcam"\nsize = "S"'), "t", tmp_path
    )
    result = collect(changed, folder, "two.toml", local=False).result
    assert result.missing == ("deepcam@cpu", "milc@gpu", "deepcam@gpu")
    assert result.refused == (
        "milc@cpu → milc@gpu: milc@gpu not measured yet",
        "deepcam@cpu → deepcam@gpu: deepcam@cpu and deepcam@gpu not measured yet",
    )
    assert result.comparisons == result.projections == ()


def test_without_any_run_there_is_one_line(tmp_path: Path) -> None:
    of = parse(TWO, "two.toml", tmp_path)
    with pytest.raises(BadInput, match="holds no run of this campaign yet"):
        collect(of, CampaignFolder.of(of, local=False), "two.toml", local=False)


def test_the_shipped_campaign_reads_and_projects(tmp_path: Path) -> None:
    """milc and deepcam on CPU and GPU nodes, the claim and a fleet of the site."""
    of = read(SHIPPED)
    assert [planned.name for planned in planned_runs(of)] == [
        *("milc@cpu", "deepcam@cpu", "milc@gpu", "deepcam@gpu")
    ]
    folder = CampaignFolder(tmp_path)
    store(of, folder, measurements())
    result = collect(of, folder, str(SHIPPED), local=False).result
    assert result.missing == result.refused == ()
    assert [projection.scenario for projection in result.projections] == [
        *("nersc-2023", "nersc-like-fleet")
    ]
    assert [ratio.energy_ratio for ratio in result.published] == [5, 9.8]
    lines = {line.name for line in result.projections[1].lines}
    assert {"charged_baseline", "charged_candidate", "saved_tco2e"} <= lines
