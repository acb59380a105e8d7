"""Attaching a meter's file to a run, as a person does, on replayed sensors whose truth is known."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from energybench.collectors.waveforms import Steps
from energybench.store import reader
from energybench.store.layout import HEADER, PARQUET, RUN
from energybench.store.liveness import Lock
from energybench.store.samples import read_parquet
from tests.cli import process
from tests.cli.metered_runs import (
    BOARD,
    FIXED_W,
    GPU,
    PSU,
    STARTED,
    Run,
    attach,
    energybench,
    mean_j,
    measured,
    meter,
    node_j,
    toml,
)
from tests.cli.process import in_process, one_line

pytestmark = pytest.mark.xdist_group("attach")  # the fixtures are made once


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A CPU node measured once; its sensors show 6 % too much."""
    return measured(tmp_path_factory.mktemp("node"), 1.06)


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


@pytest.mark.parametrize("first", ["2026-03-01T10:00:00+00:00", "2026-12-31T23:59:30+01:00"])
def test_the_documented_anchor_puts_a_replay_at_the_times_of_its_file(
    tmp_path: Path, first: str
) -> None:
    """A CSV written over the file's own times needs no offset of the clock: the energy is right
    without a search, and a search finds none.
    """
    page = (Path(__file__).parents[2] / "docs" / "attach.md").read_text("utf-8")
    found = re.search(r'`started_utc = "([^"]+)"`, `started_s = ([\d.]+)`', page)
    assert found is not None
    assert datetime.fromisoformat(found[1]) == STARTED
    path = toml(tmp_path / "node.toml", 1.0, anchor=first)
    text = path.read_text("utf-8")
    assert "started_s = 1.0" in text
    path.write_text(text.replace("started_s = 1.0", f"started_s = {found[2]}"), "utf-8")
    ran = energybench("measure", "--replay", str(path), "--json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    run = Run(tmp_path, ran.json["id"])
    ahead_s = (datetime.fromisoformat(first) - STARTED).total_seconds()
    file = meter(tmp_path / "pdu.csv", node_j, ahead_s, 0.5)
    ran = attach(run, file, "--max-offset", "0", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["energy_j"]["value"] == pytest.approx(mean_j(node_j), rel=0.002)
    shutil.rmtree(run.attached())
    ran = attach(run, file, "--json")
    message = next(doubt["message"] for doubt in ran.json["doubts"] if doubt["code"] == "attached")
    clock = re.search(r"its clock ([-+][\d.]+) s", message)
    assert clock is not None
    assert abs(float(clock[1])) < 0.05


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


@pytest.mark.parametrize("most_bytes", [100, 3000, 20_000])
def test_a_store_without_space_keeps_the_run_and_says_so(node: Run, most_bytes: int) -> None:
    """Nothing of the new run is left, and no command is named that would complete it."""
    file = meter(node.folder / "pdu.csv", node_j)
    before = sorted(path.name for path in node.directory.parent.iterdir())
    words = ("attach", node.id, "--meter", str(file), "--scope", "node", "--accuracy", "1%")
    done = subprocess.run(
        process.command(*words),
        cwd=node.folder,
        env=process.with_env({}),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 125, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "File too large; nothing of it is left" in line
    assert "recover" not in line
    assert sorted(path.name for path in node.directory.parent.iterdir()) == before
    assert attach(node, file).code == 0


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


def test_a_meter_of_another_load_than_the_board_is_refused(tmp_path: Path) -> None:
    """One of two feeds, mW taken for W, and twice the board: told with both powers."""
    run = measured(tmp_path, 0.95, gpu=True)
    for factor in (0.5, 0.001, 2.0):
        file = meter(tmp_path / f"{factor}.csv", lambda t: factor * GPU.energy_j(t))  # noqa: B023
        assert "W where the board's own sensor shows" in one_line(
            attach(run, file, "--board", BOARD, "--max-offset", "0", scope="gpu")
        )
    assert not run.attached().exists()


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
