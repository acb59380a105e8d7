"""Attaching a meter's file to a run and calibrating against it, as a person does, on replayed
sensors whose truth is known.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from energybench.cli.main import main
from energybench.collectors.waveforms import Steps, Wave
from energybench.model import Trace
from energybench.store import reader
from energybench.store.layout import HEADER, PARQUET, RUN
from energybench.store.liveness import Lock
from energybench.store.samples import read_parquet
from tests.cli import process
from tests.cli.process import Ran, in_process, one_line

pytestmark = pytest.mark.xdist_group("attach")  # the fixtures are made once

STARTED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
REPEATS = [(40.0, 60.2), (65.0, 85.1), (90.0, 110.3)]
BOARD = "GPU-11111111-2222-3333-4444-555555555555"
PSU, FIXED_W = 0.94, 90.0


def levels(idle_w: float, load_w: float) -> Wave:
    """Idle for 40 s, then three repeats of 20 s with breaks of 5 s."""
    return Steps(
        [(0.0, idle_w)]
        + [(t, w) for start, end in REPEATS for t, w in ((start, load_w), (end, idle_w))]
    )


CPU, MEMORY, GPU = levels(60.0, 250.0), levels(10.0, 30.0), levels(50.0, 400.0)


def energybench(*arguments: str, cwd: Path) -> Ran:
    """The command line in this process, from its arguments to what it prints: a start of Python
    each would be most of the time.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return Ran(code, out.getvalue(), err.getvalue())


class Run(NamedTuple):
    """A finished run. mean_j: of a wave over the repeats, as it really was."""

    folder: Path
    id: str

    @property
    def directory(self) -> Path:
        return self.folder / "results" / self.id

    def attached(self) -> Path:
        return self.folder / "results" / f"{self.id}_attached"


def mean_j(energy_j: Callable[[float], float]) -> float:
    return sum(energy_j(end) - energy_j(start) for start, end in REPEATS) / len(REPEATS)


def node_j(t: float) -> float:
    """Energy at the plug: fixed power, the sensors' parts, and the supply's losses."""
    return (FIXED_W * t + CPU.energy_j(t) + MEMORY.energy_j(t)) / PSU


def toml(
    path: Path,
    gain: float,
    *,
    gpu: bool = False,
    anchor: str | None = "2026-03-01T10:00:00.000+00:00",
    wave: str | None = None,
) -> Path:
    """A replay file. Its virtual time 0 is the run's 1 s, which the anchor ties to 10:00:00 UTC."""
    head = f"""schema = "energybench-replay/1"
label = "solver"
idle = [0.0, 35.0]
repeats = {[list(span) for span in REPEATS]}
work = {{ amount = 1.0, unit = "solve", fingerprint = "f", precision = "equal-accuracy" }}
[host]
name = "n1"
sockets = 1
memory_bytes = 1000000000
"""
    if anchor is not None:
        head += f'started_utc = "{anchor}"\nstarted_s = 1.0\n'
    if gpu:
        head += f'gpus = [{{ uuid = "{BOARD}", name = "board", driver = "570.1" }}]\n'
    channels = [
        (
            "rapl",
            "package-0",
            "cpu.package",
            "counter",
            "",
            1e-6,
            "rapl.package",
            60.0,
            250.0,
            0.001,
        )
    ]
    channels += [
        ("rapl", "package-0", "cpu.dram", "counter", "", 1e-6, "rapl.dram", 10.0, 30.0, 0.001)
    ]
    if gpu:
        channels += [
            ("nvml", BOARD, "gpu.board", "counter", "energy", 1e-3, "nvml.gain", 50.0, 400.0, 0.1)
        ]
        channels += [
            (
                "nvml",
                BOARD,
                "gpu.board",
                "power",
                "power_instant",
                1e-3,
                "nvml.gain",
                50.0,
                400.0,
                0.1,
            )
        ]
    for (
        collector,
        device,
        component,
        kind,
        quantity,
        resolution,
        prior,
        idle_w,
        load_w,
        period_s,
    ) in channels:
        steps = wave or [[0.0, idle_w]] + [
            [t, w] for start, end in REPEATS for t, w in ((start, load_w), (end, idle_w))
        ]
        shape = f'{{ kind = "steps", steps = {steps} }}' if wave is None else wave
        head += f"""[[channels]]
collector = "{collector}"
device = "{device}"
component = "{component}"
kind = "{kind}"
quantity = "{quantity}"
resolution = {resolution}
period_s = {period_s}
window_s = {0.025 if kind == "power" else 0.0}
gain = {gain}
prior = "{prior}"
counts = {"true" if kind == "counter" else "false"}
wave = {shape}
"""
    path.write_text(head, "utf-8")
    return path


def measured(folder: Path, gain: float = 1.0, **changes: Any) -> Run:
    ran = energybench(
        "measure",
        "--replay",
        str(toml(folder / "node.toml", gain, **changes)),
        "--json",
        cwd=folder,
    )
    assert ran.code == 0, ran.err
    return Run(folder, ran.json["id"])


def meter(
    path: Path,
    energy_j: Callable[[float], float],
    offset_s: float = 0.0,
    spacing: float = 1.0,
    first: float = -40.3,
    last: float = 150.0,
) -> Path:
    """A meter's CSV, its clock `offset_s` ahead."""
    lines, t = ["time,power_w"], first
    while t < last:
        watts = (energy_j(t) - energy_j(t - spacing)) / spacing
        stamp = (STARTED + timedelta(seconds=t + offset_s)).isoformat(timespec="milliseconds")
        lines.append(f"{stamp},{watts:.1f}")
        t += spacing
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A CPU node measured once; its sensors show 6 % too much."""
    return measured(tmp_path_factory.mktemp("node"), 1.06)


@pytest.fixture
def node(finished: Run, tmp_path: Path) -> Run:
    shutil.copytree(finished.directory, tmp_path / "results" / finished.id)
    return Run(tmp_path, finished.id)


def attach(run: Run, file: Path, *more: str, scope: str = "node") -> Any:
    return in_process(
        "attach",
        run.id,
        "--meter",
        str(file),
        "--scope",
        scope,
        "--accuracy",
        "1%",
        *more,
        cwd=run.folder,
    )


def test_a_node_meter_becomes_a_run_of_its_own(node: Run) -> None:
    """The node's energy is right within its interval, the clock's offset is found, and the old run
    has not changed by a byte.
    """
    before = {path.name: path.read_bytes() for path in node.directory.iterdir()}
    ran = attach(node, meter(node.folder / "pdu.csv", node_j, 2.37), "--json")
    assert ran.code == 0, ran.err
    result = ran.json
    energy = result["energy_j"]
    assert energy["low"] <= mean_j(node_j) <= energy["high"]
    assert energy["value"] == pytest.approx(mean_j(node_j), rel=0.002)
    assert result["boundary"]["name"] == "node-ac"
    assert (result["id"], result["label"]) == (f"{node.id}_attached", "solver")
    assert result["idle_power_w"]["value"] == pytest.approx((FIXED_W + 70) / PSU, rel=0.002)
    assert result["work"]["fingerprint"] == "f"
    message = next(doubt["message"] for doubt in result["doubts"] if doubt["code"] == "attached")
    assert "pdu.csv" in message
    assert "its clock +2.3" in message
    assert {path.name: path.read_bytes() for path in node.directory.iterdir()} == before
    assert sorted(path.name for path in node.attached().iterdir()) == [RUN, PARQUET]
    traces, _ = reader.read_traces(node.attached())
    assert traces[-1].channel.id == "meter/pdu/node.ac/power"
    assert {trace.channel.id for trace in traces[:-1]} == {
        trace.channel.id for trace in reader.read_traces(node.directory)[0]
    }


def test_the_readings_of_the_old_run_are_kept_to_the_count(node: Run) -> None:
    """Samples, failed reads and windows of the attached run are the old one's."""
    assert attach(node, meter(node.folder / "pdu.csv", node_j)).code == 0
    old, old_windows = reader.read_traces(node.directory)
    new, new_windows = reader.read_traces(node.attached())
    assert old_windows == new_windows
    for before, after in zip(old, new, strict=False):
        assert before.t_s.tolist() == after.t_s.tolist()
        assert before.raw.tolist() == after.raw.tolist()


def test_energy_counters_and_prometheus_do_as_well(node: Run) -> None:
    """A Wh counter in ms since 1970, and a range query's answer with a BMC's power behind the
    supply.
    """
    at = STARTED.timestamp()
    rows = [
        f"{round((at + t - 5.2) * 1000)};{1000 + node_j(t) / 3600:.3f}" for t in range(-30, 140)
    ]
    (node.folder / "wh.csv").write_text("ts_ms;E [Wh]\n" + "\n".join(rows), "utf-8")
    ran = attach(node, node.folder / "wh.csv", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["energy_j"]["value"] == pytest.approx(mean_j(node_j), rel=0.003)
    shutil.rmtree(node.attached())
    values = [[at + t, f"{(node_j(t) - node_j(t - 1)) * PSU:.2f}"] for t in range(-30, 140)]
    answer = {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [{"metric": {"__name__": "bmc_watts"}, "values": values}],
        },
    }
    (node.folder / "bmc.json").write_text(json.dumps(answer), "utf-8")
    ran = attach(node, node.folder / "bmc.json", "--dc", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["boundary"]["name"] == "node-dc"
    assert ran.json["energy_j"]["value"] == pytest.approx(mean_j(node_j) * PSU, rel=0.003)


def test_a_wall_clock_that_jumped_changes_no_energy(node: Run) -> None:
    """Only the anchor ties clocks together: what else bears a date (the run's id, files' times) may
    say anything.
    """
    file = meter(node.folder / "pdu.csv", node_j, 1.5)
    first = attach(node, file, "--json").json["energy_j"]
    moved = node.directory.with_name("2031-12-31T23-59-59Z_solver_0000")
    shutil.copytree(node.directory, moved)
    stored = json.loads((moved / RUN).read_text("utf-8"))
    (moved / RUN).write_text(json.dumps({**stored, "id": moved.name}), "utf-8")
    second = attach(Run(node.folder, moved.name), file, "--json").json["energy_j"]
    assert second == first


def test_nothing_is_left_behind_where_it_is_refused(node: Run) -> None:
    """A meter that ends too early, one of another day, one that does not follow, an even one, a
    second attachment: one line, no directory.
    """
    short = meter(node.folder / "short.csv", node_j, last=100.0)
    assert "before the last repeat did" in one_line(attach(node, short))
    assert "no reading in the run, which lasted from 2026-03-01T09:59:5" in one_line(
        attach(node, meter(node.folder / "late.csv", node_j, 3600.0))
    )
    wave = Steps(
        [
            (-100.0, 100.0),
            (0.0, 300.0),
            (7.0, 100.0),
            (31.0, 500.0),
            (50.0, 90.0),
            (75.0, 300.0),
            (100.0, 90.0),
        ]
    )
    assert "does not follow this run" in one_line(
        attach(node, meter(node.folder / "other.csv", wave.energy_j))
    )
    rows = meter(node.folder / "gap.csv", node_j).read_text("utf-8").splitlines()
    (node.folder / "gap.csv").write_text("\n".join(rows[:90] + rows[103:]), "utf-8")
    assert "gap.csv line 91: no reading for 14.0 s inside the run" in one_line(
        attach(node, node.folder / "gap.csv")
    )
    assert "gap.csv line 3: 'x' is not a number, and 39 more" in one_line(
        attach(node, _spoiled(node.folder / "gap.csv"))
    )
    assert "readings come 15 s apart" in one_line(
        attach(node, meter(node.folder / "coarse.csv", node_j, spacing=15.0))
    )
    assert [path.name for path in (node.folder / "results").iterdir()] == [node.id]
    assert attach(node, meter(node.folder / "pdu.csv", node_j)).code == 0
    assert "exists already" in one_line(attach(node, node.folder / "pdu.csv"))


def test_a_mistake_is_said_before_the_folder_that_exists(node: Run) -> None:
    """After a first attachment: a file that is not there, a wrong column, another scale, a board
    that the run has not: each is named, not the old folder.
    """
    file = meter(node.folder / "pdu.csv", node_j)
    assert attach(node, file).code == 0
    before = (node.attached() / RUN).read_bytes()
    assert "nosuch.csv" in one_line(attach(node, node.folder / "nosuch.csv"))
    assert "nosuch" in one_line(attach(node, file, "--column", "nosuch"))
    assert "is not a board that this run has read" in one_line(
        attach(node, file, "--board", "GPU-0", scope="gpu")
    )
    assert "where the run's own sensors show" in one_line(
        attach(node, meter(node.folder / "kilo.csv", lambda t: 1000 * node_j(t)))
    )
    assert "exists already (move it away, or attach a second meter to" in one_line(
        attach(node, file)
    )
    assert (node.attached() / RUN).read_bytes() == before


def _spoiled(path: Path) -> Path:
    lines = path.read_text("utf-8").splitlines()
    lines[2:42] = [line.split(",")[0] + ",x" for line in lines[2:42]]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--scope", "rack", "--accuracy", "1%"), "--scope rack: is not a scope"),
        (("--scope", "node", "--accuracy", "0.01"), "--accuracy 0.01: is not a limit of error"),
        (("--scope", "gpu", "--accuracy", "1%"), "--scope gpu: needs --board UUID"),
        (
            ("--scope", "gpu", "--accuracy", "1%", "--board", "GPU-0"),
            "--board GPU-0: is not a board that this run has read",
        ),
        (
            ("--scope", "node", "--accuracy", "1%", "--select", "a"),
            "--select a: is not LABEL=VALUE",
        ),
        (("--scope", "node", "--accuracy", "1%", "--unit", "hp"), "--unit hp: is not a unit"),
    ],
)
def test_wrong_options_are_one_line(node: Run, options: tuple[str, ...], what: str) -> None:
    """The option is named, with what it takes."""
    file = meter(node.folder / "pdu.csv", node_j)
    assert what in one_line(
        in_process("attach", node.id, "--meter", str(file), *options, cwd=node.folder)
    )


@pytest.mark.parametrize("factor", [0.4, 1000.0])
def test_a_meter_of_another_scale_is_refused(node: Run, factor: float) -> None:
    """A node cannot draw less than the sensors inside it show, nor hundreds of times more: W taken
    for kW, or another node's meter.
    """
    file = meter(node.folder / "pdu.csv", lambda t: factor * node_j(t))
    assert "where the run's own sensors show" in one_line(attach(node, file))


def test_a_run_without_an_anchor_cannot_be_tied_to_a_clock(tmp_path: Path) -> None:
    """A recording that has no wall-clock time is refused."""
    run = measured(tmp_path, anchor=None)
    assert "has no wall-clock time" in one_line(attach(run, meter(tmp_path / "pdu.csv", node_j)))


def test_an_even_run_needs_a_clock_that_is_known(tmp_path: Path) -> None:
    """Its sensors show one power throughout.

    A meter that is even too serves, with a doubt; else the clocks' agreement has to be stated.
    """
    run = measured(tmp_path, wave='{ kind = "const", watts = 100.0 }')
    line = one_line(attach(run, meter(tmp_path / "pdu.csv", node_j)))
    assert "does not tell the offset of the meter's clock (the run's own power is too even)" in line
    ran = attach(run, meter(tmp_path / "even.csv", lambda t: 300.0 * t), "--json")
    assert ran.code == 0, ran.err
    assert {"attached", "clock-offset"} <= {doubt["code"] for doubt in ran.json["doubts"]}
    shutil.rmtree(run.attached())
    assert attach(run, tmp_path / "pdu.csv", "--max-offset", "0").code == 0


def test_a_board_calibrated_against_its_meter_gives_the_true_energy(tmp_path: Path) -> None:
    """The sensors show 0.9 of the truth.

    Attach the board's meter, calibrate, measure again: the board's joules are right, and narrower.
    """
    run = measured(tmp_path, 0.9, gpu=True)
    ran = attach(
        run,
        meter(tmp_path / "riser.csv", GPU.energy_j, -7.4, 0.1),
        "--board",
        BOARD,
        "--json",
        scope="gpu",
    )
    assert ran.code == 0, ran.err
    assert ran.json["boundary"]["name"] == "compute"
    assert ran.json["components_j"]["gpu.board"]["value"] == pytest.approx(
        0.9 * mean_j(GPU.energy_j), rel=0.003
    )
    env = {"ENERGYBENCH_PROFILES": str(tmp_path / "profiles")}
    against = process.energybench(
        "calibrate", "--against", f"{run.id}_attached", "--json", cwd=tmp_path, env=env
    )
    assert against.code == 0, against.err
    gains = {channel["channel"].split("/")[-1]: channel for channel in against.json["channels"]}
    assert set(gains) == {"energy", "power_instant"}
    for one in gains.values():
        assert one["low"] <= 0.9 <= one["high"]
        assert one["gain"] == pytest.approx(0.9, rel=0.005)
        assert 0.004 < one["u_rel"] < 0.012
    traces, _ = reader.read_traces(run.directory)
    again = _remeasured(run, traces, tmp_path / "profiles")
    assert again.low <= mean_j(GPU.energy_j) <= again.high
    assert again.half_width < 0.025 * again.value


def test_a_meter_of_another_load_than_the_board_is_refused(tmp_path: Path) -> None:
    """One of two feeds, mW taken for W, and twice the board: told with both powers."""
    run = measured(tmp_path, 0.95, gpu=True)
    for factor in (0.5, 0.001, 2.0):
        file = meter(tmp_path / f"{factor}.csv", lambda t: factor * GPU.energy_j(t))  # noqa: B023
        assert "W where the board's own sensor shows" in one_line(
            attach(run, file, "--board", BOARD, "--max-offset", "0", scope="gpu")
        )
    assert not run.attached().exists()


def _remeasured(run: Run, traces: Any, folder: Path) -> Any:
    """The run's own samples under the profiles."""
    from energybench.analysis.measurement.measure import Record, measure
    from energybench.analysis.measurement.profiles import apply
    from energybench.measuring.session import ranges
    from energybench.store import profiles

    old = reader.read_run(run.directory)
    _, windows = reader.read_traces(run.directory)
    channels, doubts = apply(
        profiles.read(folder),
        [trace.channel for trace in traces],
        old.host,
        datetime.now(UTC).isoformat(),
    )
    assert not doubts
    assert {channel.gain.value != 1.0 for channel in channels if channel.collector == "nvml"} == {
        True
    }
    profiles_made = tuple(
        Trace(channel=channel, t_s=trace.t_s, raw=trace.raw, ok=trace.ok)
        for trace, channel in zip(traces, channels, strict=True)
    )
    works = tuple(repeat.work for repeat in old.repeats)
    record = Record(old.id, old.label, None, None, "compute", old.host, windows, works, ())
    return measure(record, profiles_made, ranges()).components_j["gpu.board"]


def test_a_node_meter_tells_the_common_scale_where_the_supply_is_known(node: Run) -> None:
    """The sensors' sum shows 1.06 of the truth; with the supply's efficiency stated the scale's
    interval holds it, and both channels have it.
    """
    assert attach(node, meter(node.folder / "pdu.csv", node_j, 0.8)).code == 0
    ran = energybench(
        "calibrate",
        "--against",
        f"{node.id}_attached",
        "--psu-efficiency",
        "0.94",
        "--out",
        "profiles",
        "--json",
        cwd=node.folder,
    )
    assert ran.code == 0, ran.err
    scale = ran.json["scale"]
    assert scale["low"] <= 1.06 <= scale["high"]
    assert {channel["gain"] for channel in ran.json["channels"]} == {scale["value"]}
    assert ran.json["fixed_w"] == pytest.approx(FIXED_W / PSU, rel=0.02)
    by = {channel["channel"].split("/")[2]: channel for channel in ran.json["channels"]}
    assert by["cpu.package"]["u_rel"] < by["cpu.package"]["prior_rel"]
    assert (
        by["cpu.dram"]["u_rel"] > by["cpu.package"]["u_rel"]
    )  # a small part of the sum is hardly known better
    assert [path.name for path in (node.folder / "profiles").iterdir()] == ["n1_package-0.json"]
    text = energybench(
        "calibrate",
        "--against",
        f"{node.id}_attached",
        "--psu-efficiency",
        "0.94",
        "--out",
        "profiles",
        cwd=node.folder,
    ).out
    assert "sum of the sensors: shown / true" in text


def test_a_reference_that_tells_nothing_new_is_refused(node: Run) -> None:
    """An unknown supply hides what RAPL is believed to know; a run without a meter has nothing to
    compare with.
    """
    assert "has no reference meter" in one_line(
        energybench("calibrate", "--against", node.id, "--out", "p", cwd=node.folder)
    )
    assert attach(node, meter(node.folder / "pdu.csv", node_j)).code == 0
    line = one_line(
        energybench("calibrate", "--against", f"{node.id}_attached", "--out", "p", cwd=node.folder)
    )
    assert "this reference does not improve on the prior: 1.1" in line
    assert not (node.folder / "p").exists()


def test_another_attach_that_is_under_way_is_not_called_a_rest(node: Run) -> None:
    """A directory whose writer holds its lock is named as being written; one without a writer may
    be removed.
    """
    file = meter(node.folder / "pdu.csv", node_j)
    partial = node.attached().with_name(f".partial-{node.id}_attached")
    partial.mkdir()
    _, blob = read_parquet(node.folder / "results" / node.id / PARQUET)
    (partial / HEADER).write_bytes(blob.split(b"\n")[0])
    lock = Lock.on(partial / HEADER)
    try:
        assert "is still being measured" in one_line(attach(node, file))
    finally:
        lock.close()
    assert partial.is_dir()
