"""The loads: on when they were told to be, honest about it, gone with whoever started them; and
clear words where there is no GPU.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from energybench.calibrating.loads.child import LoadChild, Taken
from energybench.calibrating.loads.wave import SHORTEST_S, wave
from energybench.calibrating.window_fit import SquareWave
from energybench.plugins import Unavailable
from tests.simulators import cuda_environment

BOARD = "GPU-5eed0000-0000-0000-0000-000000000000"
CORE = str(min(os.sched_getaffinity(0)))


def phases(count: int = 3, length_s: float = 0.1) -> list[tuple[float, float]]:
    start = time.monotonic() + 0.3
    return [(start + 2 * k * length_s, start + (2 * k + 1) * length_s) for k in range(count)]


@pytest.mark.parametrize("seconds", [SHORTEST_S, 24.0, 60.0])
def test_the_wave(seconds: float) -> None:
    """In order, inside its time, ends on the tightly polled phase; edges fall evenly over the phase
    of 100 ms and of 20 ms.
    """
    plan = wave(100.0, seconds)
    edges = np.array(plan.on).ravel()
    assert (np.diff(edges) > 0.2).all()
    assert edges[0] > 100
    assert edges[-1] < plan.end_s == 100 + seconds
    assert plan.tight == plan.on[-1]
    assert edges.size > 1.5 * seconds
    for period_s in (0.1, 0.02):
        around = np.abs(np.exp(2j * np.pi * edges / period_s).mean())
        assert around < 0.55 if seconds < 20 else around < 0.3


def test_the_cores_spin_when_told_and_sleep_otherwise() -> None:
    """The stretches lie in the phases that were asked for, and are as long as the CPU time that the
    core gave, whoever else wants it.
    """
    with LoadChild("cpu", CORE) as load:
        planned = phases()
        load.drive(planned)
        taken = load.taken()
    (stretches,) = taken.phases  # one core
    edges = np.array(stretches)
    assert (np.diff(edges.ravel()) >= 0).all()
    for wanted_on, wanted_off in planned:
        during = edges[(edges[:, 0] >= wanted_on) & (edges[:, 0] < wanted_off + 0.1)]
        assert during.size
    assert edges[0][0] >= planned[0][0]
    spun_s = float(np.diff(edges).sum())
    asked_s = sum(off - on for on, off in planned)
    # an interrupt, or a core that another program took for less than 0.3 ms, is in the stretches
    assert 0.8 * spun_s <= taken.busy * asked_s <= spun_s + 0.02


def test_a_core_that_another_program_takes_leaves_gaps() -> None:
    """Two programs that spin on one core: the stretches say when the load ran, and the share says
    how much of the core it had.
    """
    spin = f"import os\nos.sched_setaffinity(0, {{{CORE}}})\nprint('on', flush=True)\nwhile 1: pass"
    with subprocess.Popen([sys.executable, "-c", spin], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with LoadChild("cpu", CORE) as load:
            start_s = time.monotonic() + 0.2
            load.drive([(start_s, start_s + 0.5)])
            taken = load.taken()
        other.kill()
    (stretches,) = taken.phases
    spun_s = sum(off - on for on, off in stretches)
    assert len(stretches) > 1
    assert taken.busy < 0.7
    assert 0.8 * spun_s <= taken.busy * 0.5 <= spun_s + 0.02


def children(mark: str) -> set[int]:
    cores = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if (
                mark.encode() in Path(f"/proc/{pid}/environ").read_bytes()
                and b"loads.cpu" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ):
                cores.add(int(pid))
        except OSError:
            continue
    return cores


def test_a_killed_calibration_leaves_nothing_spinning(tmp_path: Path) -> None:
    """SIGKILL to whoever drives: the manager and its pinned children go with it."""
    script = (
        "import time\nfrom energybench.calibrating.loads.child import LoadChild\n"
        f"with LoadChild('cpu', {CORE!r}) as load:\n    load.drive([(time.monotonic(), "
        "time.monotonic() + 60)])\n"
        "    print('on', flush=True)\n    time.sleep(60)\n"
    )
    mark = f"TEST_MARK={tmp_path}"
    driver = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "TEST_MARK": str(tmp_path)},
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == b"on\n"
    until = time.monotonic() + 240
    while len(children(mark)) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(children(mark)) == 2
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    while children(mark) and time.monotonic() < until:
        time.sleep(0.02)
    assert not children(mark)


def drive_board(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], board: str = f"{BOARD}/"
) -> tuple[list[tuple[float, float]], Taken]:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with LoadChild("cuda", board) as load:
        planned = phases()
        load.drive(planned)
        return planned, load.taken()


def drawn(trace: Path, from_s: float) -> list[tuple[float, float]]:
    """The launches of a simulated board from a time on, on CLOCK_MONOTONIC."""
    offset_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    lines = [line.split() for line in trace.read_text().splitlines()]
    launches = [
        (float(on[0]) - offset_s, float(off[0]) - offset_s)
        for on, off in zip(lines[::2], lines[1::2], strict=True)
    ]
    # launches before the first phase found out how long a launch takes
    return [launch for launch in launches if launch[0] >= from_s - 1e-3]


@pytest.mark.parametrize("board", [f"{BOARD}/", "GPU-of-another-name/00000000:10:00.0"])
def test_a_board_is_busy_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, board: str
) -> None:
    """By UUID, or by PCI bus id as NVML writes it.

    The load that is stated is the load that the board drew, at every edge and in every gap, by a
    clock of the board that is faster than the host's.
    """
    env = cuda_environment(tmp_path, "", boards=2)
    (tmp_path / "board-0.trace").write_text("")
    planned, taken = drive_board(monkeypatch, env, board)
    launches = drawn(tmp_path / "board-0.trace", planned[0][0])
    (stated,) = taken.phases
    truth, load = SquareWave.of([launches]), SquareWave.of([stated])
    assert load.edges_s[0] == pytest.approx(launches[0][0], abs=5 * taken.edge_u_s + 1e-4)
    assert load.edges_s[-1] == pytest.approx(launches[-1][1], abs=5 * taken.edge_u_s + 1e-4)
    times = np.linspace(launches[0][0] - 0.01, launches[-1][1] + 0.01, 2000)
    apart_s = np.abs(truth.seconds_on(times) - load.seconds_on(times)).max()
    assert apart_s <= len(stated) * (5 * taken.edge_u_s + 1e-4)
    assert taken.edge_u_s < 1e-3
    # a phase begins at its time or later, and ends when the queue has run empty
    for on, off in planned:
        during = [began for began, _ in launches if on - 1e-4 <= began < off]
        assert during
    assert (tmp_path / "board-1.trace").read_text() == "0 60\n"


def test_a_process_that_is_kept_from_its_core_leaves_a_gap_that_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that is stopped for longer than its queue lasts: the board idles, as the wave says."""
    for name, value in cuda_environment(tmp_path, "").items():
        monkeypatch.setenv(name, value)
    (tmp_path / "board-0.trace").write_text("")
    with LoadChild("cuda", f"{BOARD}/") as load:
        start_s = time.monotonic() + 0.2
        load.drive([(start_s, start_s + 2.0)])  # stopped long before its end
        while not drawn(tmp_path / "board-0.trace", start_s):
            time.sleep(0.005)
        load._child.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        load._child.send_signal(signal.SIGCONT)
        taken = load.taken()
    (stated,) = taken.phases
    launches = drawn(tmp_path / "board-0.trace", start_s)
    gaps = [(before[1], after[0]) for before, after in pairwise(stated)]
    assert gaps
    assert sum(off - on for on, off in stated) == pytest.approx(
        sum(off - on for on, off in launches), abs=len(stated) * (5 * taken.edge_u_s + 1e-4)
    )
    longest = max(gaps, key=lambda gap: gap[1] - gap[0])
    assert not any(on < longest[1] - 2e-3 and off > longest[0] + 2e-3 for on, off in launches)


def test_a_driver_that_no_longer_takes_the_oldest_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is given a newer one."""
    _, taken = drive_board(monkeypatch, cuda_environment(tmp_path, "", cuda="refuses=sm_50\n"))
    assert len(taken.phases[0]) >= 3


@pytest.mark.parametrize(
    ("cuda", "board", "said"),
    [
        ("init=100\n", f"{BOARD}/", "cuInit: no CUDA-capable device is detected"),
        ("", "GPU-somebody-elses/0000:99:00.0", "CUDA does not show this board (boards shown: 1)"),
        ("refuses=.target\n", f"{BOARD}/", "cuModuleLoadData"),
    ],
)
def test_a_board_that_cannot_be_driven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str, board: str, said: str
) -> None:
    """One reason and one remedy."""
    with pytest.raises(Unavailable) as why:
        drive_board(monkeypatch, cuda_environment(tmp_path, "", cuda=cuda), board)
    assert said in why.value.reason
    assert why.value.remedy


def test_no_libcuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    with pytest.raises(Unavailable) as why, LoadChild("cuda", f"{BOARD}/"):
        pytest.skip("this machine has a CUDA driver")
    assert "libcuda.so.1 was not found" in why.value.reason or "CUDA" in why.value.reason


def test_a_load_that_dies() -> None:
    """Is not waited for."""
    with LoadChild("cpu", CORE) as load:
        load._child.kill()
        load._child.wait()
        with pytest.raises(Unavailable, match="ended early"):
            load.taken()
