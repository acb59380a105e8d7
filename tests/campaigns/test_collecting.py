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
from energybench.campaigns.progress import progress
from energybench.campaigns.report_document import report_document
from energybench.cli import campaign_text
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
            directory = folder.store / f"{planned.name}-{case.id}"
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
    assert result.missing == ("deepcam@cpu", "deepcam@gpu")
    assert list(map(str, result.unfinished)) == ["milc@gpu (a check failed)"]
    assert result.refused == (
        "milc@cpu → milc@gpu: milc@gpu ended without a result (a check failed)",
        "deepcam@cpu → deepcam@gpu: deepcam@cpu and deepcam@gpu not measured yet",
    )
    assert result.comparisons == result.projections == ()


def spread(name: str, machine: str, **changes: object) -> Measurement:
    measured = run(f"id-{name}-{machine}", times_s=(10.0,) * 3, host=machine, done=work())
    return msgspec.structs.replace(measured, **changes)


FAILED = {
    "verification": (Verification(quantity="residual", value=1.0, tolerance=0.1, passed=False),)
}
CUT = {"partial": True}


@pytest.mark.parametrize(
    ("milc", "state", "words"),
    [
        ([], "not submitted", "not measured yet: milc@gpu"),
        ([("a", {})], "measured in part", "measured in part: milc@gpu (on 1 of 2 machines)"),
        ([("a", {}), ("b", {})], "done", None),
        (
            [("a", FAILED)],
            "ended without a result",
            "ended without a result: milc@gpu (a check failed)",
        ),
        (
            [("a", FAILED), ("b", {})],
            "measured in part",
            "measured in part: milc@gpu (on 1 of 2 machines; a check failed)",
        ),
        ([("a", FAILED), ("a", {}), ("b", {})], "done", None),
        (
            [("a", CUT)],
            "ended without a result",
            "ended without a result: milc@gpu (no repeat is whole)",
        ),
    ],
)
def test_status_and_collect_judge_a_run_alike(
    tmp_path: Path, milc: list[tuple[str, dict[str, object]]], state: str, words: str | None
) -> None:
    """The same state and the same reason, in the terminal and in the report."""
    text = TWO.replace("[platforms.gpu]", "[platforms.gpu]\nspread = 2")
    assert text != TWO
    of = parse(text, "two.toml", tmp_path)
    folder = CampaignFolder.of(of, local=False)
    store(of, folder, {"milc@cpu": measurements()["milc@cpu"]})
    for number, (machine, changes) in enumerate(milc):
        measured = spread(f"milc{number}", machine, **changes)
        store(of, folder, {"milc@gpu": measured})
    (row,) = [row for row in progress(of, folder, local=False).runs if row.run == "milc@gpu"]
    assert row.state == state
    collected = collect(of, folder, "two.toml", local=False)
    shown = [line for line in campaign_text.text(collected.result) if "not compared" not in line]
    notes = report_document(collected).notes
    if words is None:
        assert not any("milc@gpu" in line for line in shown if line.startswith(("not", "ended")))
        return
    heading, entry = words.split(": ")
    (line,) = [line for line in shown if line.startswith(heading) and entry in line]
    assert line.lower() in [note.lower().removesuffix(".") for note in notes]
    assert row.note in entry


def test_without_any_result_the_failed_runs_are_named(tmp_path: Path) -> None:
    of = parse(TWO, "two.toml", tmp_path)
    folder = CampaignFolder.of(of, local=False)
    store(of, folder, {"milc@gpu": spread("milc", "a", **FAILED)})
    with pytest.raises(BadInput, match=r"holds no result .*: milc@gpu \(a check failed\)"):
        collect(of, folder, "two.toml", local=False)


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
