"""Heat, clocks, throttling and other load through the command line: real processes, simulated
boards and sockets.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.process import batches, energybench, in_process, partial, python_path, until
from tests.simulators import nvml_environment

BUSY = "while True: pass"
# Half of a core: the other half is for the tests that run at the same time, and on a busy machine
# too, a process that sleeps often gets a share that counts.
NEIGHBOUR = (
    "import hashlib, time\n"
    "while True:\n"
    "    begin = time.process_time()\n"
    "    hashlib.pbkdf2_hmac('sha256', b'', b'', 1 << 14)\n"
    "    time.sleep(time.process_time() - begin)\n"
)
SPIN = """
import os, time
from energybench.model import Verification, Work

class Spin:
    name, sizes = "spin", ("smoke",)
    def setup(self, size, device, region, settings):
        open("worker", "w").write(str(os.getpid()))
    def settings(self):
        return {}
    def run(self, region):
        end = time.monotonic() + 0.5
        while time.monotonic() < end: pass
        return Work(amount=1.0, unit="spin", fingerprint="spin", precision="equal-accuracy")
    def verify(self):
        return [Verification(quantity="spun", value=0.0, tolerance=1.0, passed=True)]
"""
CORES = os.cpu_count() or 1
UUIDS = [f"GPU-5eed{i:04x}-0000-0000-0000-{i:012x}" for i in range(2)]


@contextmanager
def beside() -> Iterator[int]:
    """The number of a process outside the work's tree that keeps half of a core busy."""
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def doubts(found: Any) -> dict[str, str]:
    return {doubt["code"]: doubt["message"] for doubt in found["doubts"]}


def boards(
    folder: Path, conf: str, *arguments: str, repeats: int = 6, program: str = "sleep 0.6"
) -> Any:
    """A measurement of some sleeps beside simulated boards."""
    env = nvml_environment(folder, conf)
    return energybench(
        "measure",
        "--json",
        *arguments,
        "--collector",
        "nvml",
        "--repeats",
        str(repeats),
        "--",
        "sh",
        "-c",
        program,
        cwd=folder,
        env=env,
    ).json


def test_a_busy_neighbour_is_named_and_the_works_own_children_are_not(tmp_path: Path) -> None:
    """With process number, program and cores, for each repeat; a busy child of the program is the
    work.
    """
    child = (
        f"import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {BUSY!r}]); "
        "open('child', 'w').write(str(p.pid)); time.sleep(1.2); p.kill()"
    )
    with beside() as pid:
        result = energybench(
            "measure", "--json", "--repeats", "2", "--", sys.executable, "-c", child, cwd=tmp_path
        ).json
    mine = [load for load in result["others"] if load["pid"] == pid]
    assert len(mine) == 2
    assert all(
        0.05 <= load["busy"] < 1.1 * CORES
        and load["device"] == "cpu"
        and load["name"].startswith("python")
        for load in mine
    )
    assert [(load["start_s"], load["end_s"]) for load in mine] == [
        (repeat["start_s"], repeat["end_s"]) for repeat in result["repeats"]
    ]
    assert int((tmp_path / "child").read_text()) not in {load["pid"] for load in result["others"]}
    assert "during 2 of 2 repeats" in doubts(result)["other-load"]


def test_the_worker_of_run_is_no_neighbour(tmp_path: Path) -> None:
    """The process that runs the workload is ours, and what runs beside it is not."""
    info = tmp_path / "spinning-1.0.dist-info"
    info.mkdir()
    (tmp_path / "spinning.py").write_text(SPIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spinning\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[energybench.workloads]\nspin = spinning:Spin\n")
    with beside() as pid:
        ran = energybench(
            "run",
            "spin",
            "--json",
            "--repeats",
            "2",
            "--max-warm-up",
            "1",
            "--idle",
            "0",
            cwd=tmp_path,
            env=python_path(tmp_path),
        )
    loads = ran.json["others"]
    assert len([load for load in loads if load["pid"] == pid and load["busy"] >= 0.05]) == 2
    assert int((tmp_path / "worker").read_text()) not in {load["pid"] for load in loads}


def test_a_board_that_heats_up_and_throttles(tmp_path: Path) -> None:
    """The doubts name the board and both values of its temperature and clock, and the reason with
    the repeats it was there in: the third of four begins it.
    """
    conf = (
        f"count=2\nbegins={tmp_path / 'hot'}\ngpu0.heat=45,75,0,0.01\ngpu0.clock=1410,1200,0,0.01\n"
        f"gpu0.throttle_during={0x20},0,1e9\n"
    )
    third = "echo >> count; sleep 0.3; [ $(wc -l < count) -lt 3 ] || touch -a hot; sleep 0.3"
    result = boards(tmp_path, conf, repeats=4, program=third)
    messages = doubts(result)
    assert f"{UUIDS[0]} 45 → 75 °C" in messages["temperature-drift"]
    assert f"{UUIDS[0]} 1410 → 1200 MHz" in messages["clock-drift"]
    assert re.search(f"{UUIDS[0]} by sw-thermal in [12] of 4 repeats", messages["throttled"])
    assert not any(
        UUIDS[1] in messages[code] for code in ("temperature-drift", "clock-drift", "throttled")
    )
    course = [each for each in result["conditions"] if each["device"] == UUIDS[0]]
    assert course[0]["throttle"] == "none"
    assert {each["throttle"] for each in course[1:]} == {"sw-thermal"}
    assert (course[0]["temperature_c"], course[-1]["temperature_c"]) == (45, 75)


def test_a_steady_board_gives_no_doubt(tmp_path: Path) -> None:
    """First and last condition of each board, and nothing to say of them.

    A machine that shows no CPU temperature has no such condition.
    """
    (tmp_path / "empty").mkdir()
    result = boards(tmp_path, "count=2\n", "--root", str(tmp_path / "empty"), repeats=3)
    assert not {
        "temperature-drift",
        "clock-drift",
        "throttled",
        "at-power-limit",
        "other-load",
    } & set(doubts(result))
    assert [
        (each["device"], each["temperature_c"], each["clock_mhz"], each["throttle"])
        for each in result["conditions"]
    ] == [(uuid, 45, 1095, "none") for uuid in (*UUIDS, *UUIDS)]
    assert result["others"] == []


def test_refused_queries_leave_no_figure(tmp_path: Path) -> None:
    """A driver that refuses temperature, clock and reasons: nothing is known, nothing is doubted,
    and the energy is there.
    """
    env = nvml_environment(tmp_path, "count=1\nrefuse=1\n")
    result = energybench(
        "measure",
        "--json",
        "--collector",
        "nvml",
        "--repeats",
        "2",
        "--",
        "sleep",
        "0.6",
        cwd=tmp_path,
        env=env,
    ).json
    assert {
        (each["temperature_c"], each["clock_mhz"], each["throttle"])
        for each in result["conditions"]
        if each["device"] == UUIDS[0]
    } <= {(None, None, None)}
    assert not {"temperature-drift", "clock-drift", "throttled", "at-power-limit"} & set(
        doubts(result)
    )
    assert result["components_j"]["gpu.board"]["value"] > 0


def test_another_process_on_a_board_of_the_work(tmp_path: Path) -> None:
    """Named with the board; one on a board that the work was not given is not."""
    conf = f"count=2\ngpu0.process={os.getpid()},0,1e9\ngpu1.process={os.getppid()},0,1e9\n"
    env = {
        **nvml_environment(tmp_path, conf),
        "CUDA_VISIBLE_DEVICES": "0",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    result = energybench(
        "measure", "--json", "--repeats", "2", "--", "sleep", "0.6", cwd=tmp_path, env=env
    ).json
    assert [
        (load["pid"], load["device"], load["busy"])
        for load in result["others"]
        if load["device"] != "cpu"
    ] == [(os.getpid(), UUIDS[0], 1.0)] * 2
    assert f"was at work on {UUIDS[0]} during 2 of 2 repeats" in doubts(result)["other-load"]


def lines(run: Path) -> int:
    """Number of lines with conditions in the record of a run."""
    return (run / "windows.jsonl").read_text().count('"conditions"')


def test_conditions_are_written_as_they_come(tmp_path: Path) -> None:
    """After kill -9 in mid-run, recovery has the conditions and what throttled until then."""
    env = nvml_environment(tmp_path, f"count=1\nthrottle={0x40}\n")
    command = [
        sys.executable,
        "-m",
        "energybench",
        "measure",
        "--collector",
        "nvml",
        "--",
        "sleep",
        "600",
    ]
    ran = subprocess.Popen(
        command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL, start_new_session=True
    )
    (run,) = until(lambda: partial(tmp_path, '"repeat"', '"conditions"'))
    begun = lines(run)
    until(lambda: lines(run) > begun)  # a condition within the repeat
    batches(run, 2)  # samples on disk after that condition
    os.killpg(ran.pid, signal.SIGKILL)
    ran.wait()
    (left,) = (tmp_path / "results").glob(".partial-*")
    result = in_process("recover", str(left), "--json", cwd=tmp_path).json
    assert result["conditions"][0]["throttle"] == "hw-thermal"
    assert f"{UUIDS[0]} by hw-thermal in 1 of 1 repeat" in doubts(result)["throttled"]
