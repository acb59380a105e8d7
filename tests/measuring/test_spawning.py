"""Start and end of a process, stamped where they happen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from energybench.measuring.moments import CoreWait, Moment
from energybench.measuring.spawning import Process, spawn, wait_for
from energybench.store.careful_file import CarefulFile

# prints its own first and last moment
SAYS_WHEN = """
import time
begin = time.monotonic()
time.sleep(0.05)
print(begin, time.monotonic(), flush=True)
"""


def ended(process: Process) -> Moment:
    while process.ended is None:
        process.wait(10.0)
    return process.ended


def own_times(late_s: float = 0.0) -> tuple[Moment, Moment, float, float]:
    """Start and end as seen from outside, and the program's own first and last moment."""
    reading, writing = os.pipe()
    process = spawn((sys.executable, "-S", "-c", SAYS_WHEN), (), streams={1: writing})
    os.close(writing)
    if late_s:
        time.sleep(late_s)  # this process does something else
    end = ended(process)
    begin_s, last_s = (float(word) for word in os.read(reading, 200).split())
    os.close(reading)
    assert process.reap() == 0
    return process.started, end, begin_s, last_s


def test_the_program_lies_between_its_start_and_its_end() -> None:
    start, end, begin_s, last_s = own_times()
    assert start.t_s - start.half_s <= begin_s
    assert end.t_s + end.half_s >= last_s
    assert end.t_s - end.half_s <= time.monotonic()


def test_an_end_that_was_noticed_late_says_how_late() -> None:
    """The interval of the end reaches back to the time at which the program was seen running."""
    _, end, _, last_s = own_times(late_s=0.5)
    assert end.half_s > 0.1
    assert end.t_s - end.half_s <= last_s <= end.t_s + end.half_s


def test_the_wait_for_a_core_only_grows() -> None:
    core = CoreWait()
    totals = [core.total_s() for _ in range(3)]
    core.close()
    if totals[0] is not None:
        assert totals == sorted(totals)  # type: ignore[type-var]
    assert core.since_s(None) > 0


def test_the_mask_is_not_inherited() -> None:
    """The program finds the mask that is asked for, and the default for SIGPIPE."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
    reading, writing = os.pipe()
    code = "import signal; print(sorted(int(s) for s in signal.pthread_sigmask(0, ())))"
    process = spawn((sys.executable, "-S", "-c", code), {signal.SIGUSR2}, streams={1: writing})
    os.close(writing)
    signal.pthread_sigmask(signal.SIG_SETMASK, old)
    assert process.reap() == 0
    assert os.read(reading, 100).decode().strip() == str([int(signal.SIGUSR2)])
    os.close(reading)


def test_exit_codes_and_signals() -> None:
    assert spawn(("sh", "-c", "exit 41"), ()).reap() == 41
    killed = spawn(("sleep", "100"), ())
    assert killed.reap(0.0) is None
    killed.send_signal(signal.SIGKILL)
    assert killed.reap() == -signal.SIGKILL
    killed.send_signal(signal.SIGTERM)  # it has ended: nothing happens
    with pytest.raises(FileNotFoundError):
        spawn(("no-such-program-anywhere",), ())


def test_waiting_less_than_a_millisecond_returns_in_time() -> None:
    reading, writing = os.pipe()
    assert wait_for((reading, -1), 0.0004) == set()
    os.write(writing, b"x")
    assert wait_for((reading, -1), 0.0004) == {reading}
    os.close(reading)
    os.close(writing)


def test_a_file_ends_with_a_complete_piece_on_a_full_disk(tmp_path: Path) -> None:
    """Pieces that do not fit wait, and are written once there is space."""
    code = """
import resource, sys
from pathlib import Path
from energybench.store.careful_file import CarefulFile
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 1000))
file = CarefulFile(path)
for i in range(4):
    file.append(bytes([65 + i]) * 40)
print(path.read_bytes().decode(), file.waiting)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
file.flush()
print(path.read_bytes().decode(), file.waiting)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")],
        capture_output=True,
        text=True,
        cwd=root,
        check=True,
    )
    full, whole = done.stdout.splitlines()
    assert full == "A" * 40 + "B" * 40 + " 80"
    assert whole == "".join(letter * 40 for letter in "ABCD") + " 0"
    file = CarefulFile(tmp_path / "other")
    file.append(b"x")
    file.close()
    assert (tmp_path / "other").read_bytes() == b"x"
