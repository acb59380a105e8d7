"""A result that contradicts itself is refused with its field; every result of our own passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from energybench.analysis.measurement.node_table import NodePart
from energybench.analysis.measurement.nodes import JobRecord, merge
from energybench.cli.main import main
from energybench.errors import BadInput
from energybench.model import REPEAT, Job, Window
from energybench.store import contradictions, reader
from energybench.store.layout import RUN
from energybench.store.run import pretty

REPLAYS = Path(__file__).parents[2] / "energybench" / "data" / "replays"
REFERENCE = Path(__file__).parents[2] / "reports" / "reference"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """run.json of a replayed node: three components, idle phases, three repeats."""
    store = tmp_path_factory.mktemp("store")
    assert main(["measure", "--replay", str(REPLAYS / "gpu-node.toml"), "--out", str(store)]) == 0
    (path,) = store.glob(f"*/{RUN}")
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    assert content["net_energy_j"]
    assert content["idles"]
    assert len(content["components_j"]) > 1
    return content


def written(folder: Path, document: dict[str, Any], change: Change) -> Path:
    """A run directory with the changed document."""
    copy = json.loads(json.dumps(document))
    change(copy)
    (folder / RUN).write_text(json.dumps(copy), "utf-8")
    return folder


def put(*keys: Any, to: Any) -> Change:
    """Set one field."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


def without(*keys: Any) -> Change:
    """Remove one field."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


def repeats_that_overlap(document: dict[str, Any]) -> None:
    """The second repeat begins within the first; all durations are kept."""
    first, second, *_ = document["repeats"]
    shift = second["start_s"] - (first["start_s"] + first["end_s"]) / 2
    second["start_s"] -= shift
    second["end_s"] -= shift


def the_same_repeat_twice(document: dict[str, Any]) -> None:
    document["repeats"] = [document["repeats"][0]] * 2


def one_more_component(document: dict[str, Any]) -> None:
    """A component of the run that no repeat measured."""
    document["components_j"]["node"] = document["components_j"]["gpu.board"]


def a_component_of_nothing(document: dict[str, Any]) -> None:
    """A component of 0 J in each repeat, and of some J for the run."""
    for repeat in document["repeats"]:
        repeat["components_j"]["gpu.board"] += repeat["components_j"]["cpu.dram"]
        repeat["components_j"]["cpu.dram"] = 0.0
    mean_j = sum(one["components_j"]["gpu.board"] for one in document["repeats"])
    mean_j /= len(document["repeats"])
    document["components_j"]["gpu.board"].update(value=mean_j, low=mean_j - 1, high=mean_j + 1)


def times(factor: float, *keys: Any) -> Change:
    """An estimate times a factor, with its interval and effects."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys:
            place = place[key]
        low, high = sorted((place["low"] * factor, place["high"] * factor))
        place.update(value=place["value"] * factor, low=low, high=high)
        for effect in place["effects"]:
            effect["u"] *= factor

    return change


def narrower(*keys: Any) -> Change:
    """An estimate with half its interval, and with all its effects."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys:
            place = place[key]
        value, low, high = place["value"], place["low"], place["high"]
        place.update(low=(value + low) / 2, high=(value + high) / 2)

    return change


def without_largest_effect(*keys: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys:
            place = place[key]
        place["effects"].remove(max(place["effects"], key=lambda effect: abs(effect["u"])))

    return change


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (put("repeats", to=[]), "repeats: is empty"),
        (times(-1, "energy_j"), "energy_j: is -"),
        (times(-1, "power_w"), "power_w: is -"),
        (times(-1, "idle_power_w"), "idle_power_w: is -"),
        (times(-1, "components_j", "gpu.board"), "components_j.gpu.board: is -"),
        (times(-1, "time_s"), "time_s: is -"),
        (times(0, "time_s"), "time_s: is 0, not above 0"),
        (put("repeats", 0, "end_s", to=-1e9), "repeats[0].end_s: "),
        (repeats_that_overlap, "repeats[1].start_s: "),
        (the_same_repeat_twice, "is before repeats[0].end_s"),
        (put("repeats", 0, "energy_j", to=-5.0), "repeats[0].energy_j: is -5, below 0"),
        (put("repeats", 0, "energy_j", to=5.0), "repeats[0].energy_j: is 5, and the sum"),
        (put("repeats", 0, "energy_j", to=None), "the mean of its repeats is"),
        (times(0.9, "energy_j"), "energy_j: is"),
        (times(1.00001, "energy_j"), "the mean of its repeats is"),
        (times(0.9, "time_s"), "time_s: is"),
        (times(0.9, "power_w"), "and energy over time is"),
        (times(1.1, "components_j", "gpu.board"), "components_j.gpu.board: is"),
        (without("components_j", "gpu.board"), "components_j.gpu.board: is missing, and each"),
        (one_more_component, "components_j.node: is stated, and none of its repeats"),
        (a_component_of_nothing, "components_j.cpu.dram: is"),
        (times(0.5, "net_energy_j"), "net_energy_j: is"),
        (put("idle_power_w", to=None), "net_energy_j: is stated without idle_power_w"),
        (times(1.5, "idle_power_w"), "idle_power_w: is"),
        (times(-1, "idles", 0, "power_w"), "idles[0].power_w: is -"),
        (put("energy_j", to=None), "energy_j: is null, and"),
        (put("nodes", to=0), "nodes: is 0"),
        (put("channels", 0, "failed", to=-1), "channels[0].failed: is -1"),
        (put("energy_j", "low", to=1e12), "energy_j: value"),
        (put("energy_j", "effects", to=[]), "energy_j: has the interval ["),
        (put("components_j", "cpu.dram", "effects", to=[]), "components_j.cpu.dram: has the"),
        (put("idles", 0, "power_w", "effects", to=[]), "idles[0].power_w: has the interval ["),
        (narrower("time_s"), "time_s: has the interval ["),
        (narrower("power_w"), "power_w: has the interval ["),
        (narrower("idle_power_w"), "idle_power_w: has the interval ["),
        (narrower("net_energy_j"), "net_energy_j: has the interval ["),
        (without_largest_effect("net_energy_j"), "net_energy_j: has the interval ["),
        (narrower("energy_per_work_j"), "energy_per_work_j: has the interval ["),
        (narrower("regions", 0, "energy_j"), "regions[0].energy_j: has the interval ["),
        (narrower("energy_j"), "effects give ["),
        (without_largest_effect("energy_j"), "energy_j: has the interval ["),
        (put("doubts", to=[]), "doubts"),  # readings of a recording
    ],
)
def test_a_run_that_contradicts_itself_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    document: dict[str, Any],
    change: Change,
    names: str,
) -> None:
    """Every command that reads a contradictory run refuses the run, in one line with the field."""
    run = str(written(tmp_path, document, change))
    for arguments in (["compare", run, run], ["report", run], ["grade", run]):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert names in error


@pytest.mark.parametrize(
    "change",
    [
        lambda document: None,
        put("net_energy_j", to=None),  # refused with a doubt, because its interval holds 0
        times(1 + 1e-9, "energy_j"),  # rounding
        lambda document: document["repeats"].reverse(),  # the order says nothing
    ],
)
def test_what_a_run_may_say_is_read(
    tmp_path: Path, document: dict[str, Any], change: Change
) -> None:
    """Numbers that were not measured, and rounding, are no contradictions."""
    assert reader.read_run(written(tmp_path, document, change)).repeats


def test_blocks_that_overlapped_are_read(tmp_path: Path, document: dict[str, Any]) -> None:
    """Blocks of tasks that run at the same time overlap, and have a doubt that says so."""

    def overlapping(content: dict[str, Any]) -> None:
        repeats_that_overlap(content)
        doubt = {"code": "blocks-overlap", "message": "for a test", "remedy": "none"}
        content["doubts"].append(doubt)

    assert reader.read_run(written(tmp_path, document, overlapping)).repeats


@pytest.mark.parametrize(
    ("start_s", "end_s", "refused"),
    [
        (100.0, 200.0, False),
        (99.5, 200.5, False),  # between two polls
        (50.0, 200.0, True),
        (100.0, 3_600.0, True),
        (5_000.0, 5_060.0, True),
        (1.0, 2.0, True),
    ],
)
def test_a_repeat_outside_its_samples_is_refused(
    start_s: float, end_s: float, refused: bool
) -> None:
    """No energy was measured at a time without samples."""
    windows = [
        Window(label="setup", start_s=0.0, end_s=90.0),
        Window(label=REPEAT, start_s=start_s, end_s=end_s, repeat=0),
    ]
    contradictions.refuse_windows(windows, None, None, "samples.parquet")
    if not refused:
        contradictions.refuse_windows(windows, 100.0, 200.0, "samples.parquet")
        return
    with pytest.raises(BadInput, match=r"windows\[1\]: is a repeat from") as refusal:
        contradictions.refuse_windows(windows, 100.0, 200.0, "samples.parquet")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("read_s", [None, 1.0], ids=["both nodes read", "one node cut short"])
def test_a_job_of_two_nodes_is_no_contradiction(
    tmp_path: Path, document: dict[str, Any], read_s: float | None
) -> None:
    """The power of a job is that of one node, and its energy that of all nodes."""
    node = reader.read_run(written(tmp_path, document, lambda content: None))
    windows = tuple(
        Window(label=REPEAT, start_s=one.start_s, end_s=one.end_s, repeat=number)
        for number, one in enumerate(node.repeats)
    )
    other = node
    if read_s is not None:
        cut = msgspec.structs.replace(
            node.repeats[0],
            end_s=node.repeats[0].start_s + read_s,
            energy_j=9.0,
            components_j={"cpu.package": 6.0, "gpu.board": 3.0},
        )
        other = msgspec.structs.replace(node, repeats=(cut, *node.repeats[1:]))
    record = JobRecord(
        id="job",
        label="job",
        command=None,
        boundary="compute",
        job=Job(launcher="slurm", nodes=2),
        host=node.host,
        windows=windows,
        verification=(),
    )
    parts = [NodePart("n1", "node-n1", node), NodePart("n2", "node-n2", other)]
    (tmp_path / RUN).write_text(pretty(merge(record, parts)), "utf-8")
    assert reader.read_run(tmp_path).nodes == 2


def test_net_energy_below_zero_is_no_contradiction(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    """A run may draw less than the idle phases, which another program disturbed."""

    def busy_idle(content: dict[str, Any]) -> None:
        for phase in content["idles"]:
            times(100, "power_w")(phase)
        times(100, "idle_power_w")(content)
        idle_w, time_s = content["idle_power_w"]["value"], content["time_s"]["value"]
        net_j = content["energy_j"]["value"] - idle_w * time_s
        content["net_energy_j"].update(value=net_j, low=net_j, high=net_j, effects=[])

    net = reader.read_run(written(tmp_path, document, busy_idle)).net_energy_j
    assert net is not None
    assert net.value < 0


def test_a_lost_sensor_is_no_contradiction(tmp_path: Path, document: dict[str, Any]) -> None:
    """A run without any energy, as of a node whose sensors were all lost."""

    def lost(content: dict[str, Any]) -> None:
        for name in ("energy_j", "power_w", "net_energy_j", "energy_per_work_j"):
            content[name] = None
        content["components_j"] = {}
        for repeat in content["repeats"]:
            repeat.update(energy_j=None, components_j={})

    assert reader.read_run(written(tmp_path, document, lost)).energy_j is None


def test_the_reference_runs_are_read() -> None:
    """The published runs of this repository hold together."""
    directories = sorted(path.parent for path in REFERENCE.glob(f"*/{RUN}"))
    assert directories
    for directory in directories:
        assert reader.read_run(directory).repeats


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (times(-1, "speedup"), "speedup: is -"),
        (times(-1, "energy_ratio"), "energy_ratio: is -"),
        (put("node_hours", to=[-1.0, 1.0]), "node_hours[0]: is -1"),
        (times(-1, "power_w", 0), "power_w[0]: is -"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(tmp_path: Path, change: Change, names: str) -> None:
    """A projection takes no negative speedup, power or node-hours."""
    golden = Path(__file__).parents[1] / "reports" / "golden" / "comparison.json"
    results = json.loads(golden.read_text("utf-8"))["results"]
    content = next(result for result in results if result["kind"] == "comparison")
    path = tmp_path / "comparison.json"
    change(content)
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(BadInput) as refusal:
        reader.result(path)
    assert names in str(refusal.value)
