"""The whole command on simulated sensors whose truth is known: what is summed, what failed, what
was lost.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.process import batches, command, energybench, in_process, partial, until
from tests.simulators import (
    PciDevice,
    live_node,
    nvidia_driver_tree,
    nvml_environment,
    pci_tree,
)

RANGE_UJ = 262_143_328_850
SOCKETS = {
    "intel-rapl:0": {"name": "package-0", "watts": 120.0},
    "intel-rapl:0:0": {"name": "dram", "watts": 15.0},
    "intel-rapl:1": {"name": "package-1", "watts": 80.0},
    "intel-rapl:1:0": {"name": "dram", "watts": 10.0},
    "intel-rapl:2": {"name": "psys", "watts": 300.0},
}
CPUINFO = "".join(
    f"processor\t: {i}\nmodel name\t: Simulated CPU\nphysical id\t: {i // 4}\ncore id\t: "
    f"{i % 4}\nflags\t: fpu\n\n"
    for i in range(8)
)


def measure(  # type: ignore[no-untyped-def]
    tmp: Path,
    env: dict[str, str],
    root: Path,
    *arguments: str,
    seconds: float = 2.0,
    program: str = "",
):
    ran = energybench(
        "measure",
        "--json",
        "--root",
        str(root),
        *arguments,
        "--",
        "sh",
        "-c",
        program or f"sleep {seconds}",
        cwd=tmp,
        env=env,
    )
    assert ran.code == 0, ran.err
    return ran.json


def codes(found) -> set[str]:  # type: ignore[no-untyped-def]
    return {doubt["code"] for doubt in found["doubts"]}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root with the CPU's description; sensors are added by the test."""
    proc = tmp_path / "root" / "proc"
    proc.mkdir(parents=True)
    (proc / "cpuinfo").write_text(CPUINFO)
    (proc / "meminfo").write_text("MemTotal:       263856 kB\n")
    return tmp_path / "root"


def test_a_node_of_two_sockets_and_two_gpus(tmp_path: Path, machine: Path) -> None:
    """Packages + DRAM + both boards, psys not; each within 1 % of its truth; quality measured;
    every channel's sampling told.
    """
    env = nvml_environment(tmp_path, "count=2\nwave=const,250\nphase_ms=random\nenergy_ms=100\n")
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine, seconds=3.0)
    seconds = result["time_s"]["value"]
    assert result["components_j"]["cpu.package"]["value"] == pytest.approx(200 * seconds, rel=0.01)
    assert result["components_j"]["cpu.dram"]["value"] == pytest.approx(25 * seconds, rel=0.01)
    assert result["components_j"]["gpu.board"]["value"] == pytest.approx(500 * seconds, rel=0.01)
    assert result["energy_j"]["value"] == pytest.approx(725 * seconds, rel=0.01)
    assert result["quality"] == "measured"
    assert {part["state"] for part in result["boundary"]["parts"]} == {"measured"}
    assert len(result["host"]["gpus"]) == 2
    assert result["host"]["sockets"] == 2
    for channel in result["channels"]:
        # 10 Hz, or as often as a busy machine allowed: told, and true
        assert channel["period_s"] > 0.095
        assert channel["jitter_s"] is not None
        assert channel["samples"] > 0.5 * seconds / channel["period_s"]
        assert channel["failed"] == 0


def test_across_a_wrap(tmp_path: Path, machine: Path) -> None:
    """A counter that wraps inside the window counts on."""
    zones = {
        "intel-rapl:0": {"name": "package-0", "watts": 120.0, "start_uj": RANGE_UJ - 200_000_000}
    }
    with live_node(machine, zones):
        result = measure(tmp_path, {}, machine, "--collector", "rapl", seconds=3.0)
    assert result["components_j"]["cpu.package"]["value"] == pytest.approx(
        120 * result["time_s"]["value"], rel=0.01
    )


def test_only_the_visible_gpu_is_used_and_the_others_are_listed(
    tmp_path: Path, machine: Path
) -> None:
    """By index and by UUID: the node's other boards stand apart with their idle energy, and belong
    to the boundary.
    """
    for visible in ("1", "GPU-5eed0001-0000-0000-0000-000000000001"):
        env = nvml_environment(tmp_path, "count=3\nwave=const,60\ngpu1.wave=const,300\n")
        with live_node(machine, SOCKETS):
            result = measure(
                tmp_path,
                {**env, "CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
                machine,
            )
        seconds = result["time_s"]["value"]
        assert result["components_j"]["gpu.board"]["value"] == pytest.approx(
            300 * seconds, rel=0.03
        )
        assert result["components_j"]["gpu.board.unused"]["value"] == pytest.approx(
            120 * seconds, rel=0.03
        )
        assert "idle-accelerators" in codes(result)
        assert [gpu["used"] for gpu in result["host"]["gpus"]] == [False, True, False]


@pytest.mark.parametrize("visible", [None, "0,1", "0", ""])
def test_boards_that_a_control_group_hides_are_missing_and_not_idle(
    tmp_path: Path, machine: Path, visible: str | None
) -> None:
    """Two of four boards are shown to the job. Nobody knows what the other two do, and their energy
    is not in the sum, whatever the visible devices of the work are.
    """
    uuids = [f"GPU-5eed000{i}-0000-0000-0000-00000000000{i}" for i in range(4)]
    names = {f"0000:{i + 1}0:00.0": ("NVIDIA A100", uuid) for i, uuid in enumerate(uuids)}
    pci_tree(machine, dict.fromkeys(names, PciDevice()))
    nvidia_driver_tree(machine, names)
    env = nvml_environment(tmp_path, "count=4\nwave=const,60\n") | {"NVMLSIM_BOARDS": "1,3"}
    if visible is not None:
        env |= {"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine)
    given = {None: 2, "0,1": 2, "0": 1, "": 0}[visible]
    hidden = False if visible == "" else None
    assert {gpu["uuid"]: gpu["used"] for gpu in result["host"]["gpus"]} == {
        uuids[1]: given >= 1,
        uuids[3]: given >= 2,
        uuids[0]: hidden,
        uuids[2]: hidden,
    }
    boards = sum(
        value["value"]
        for name, value in result["components_j"].items()
        if name.startswith("gpu.board")
    )
    assert boards == pytest.approx(120 * result["time_s"]["value"], rel=0.03)
    named = [doubt["message"] for doubt in result["doubts"] if doubt["code"] == "idle-accelerators"]
    assert len(named) == (given < 2)
    assert not any(uuid in message for message in named for uuid in (uuids[0], uuids[2]))
    missing = {doubt["subject"] for doubt in result["doubts"] if doubt["code"] == "part-missing"}
    assert missing == {f"gpu.board {uuids[0]}", f"gpu.board {uuids[2]}"}


def test_a_gpu_lost_in_mid_run(tmp_path: Path, machine: Path) -> None:
    """From the loss on a bound and a doubt; what was measured before stands; failed reads are
    counted.
    """
    lost = tmp_path / "lost"
    env = nvml_environment(
        tmp_path, f"count=1\nwave=const,300\nlimit=400\nbegins={lost}\nfault=15,0,1e9\n"
    )
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine, program="sleep 1.5; touch lost; sleep 2.5")
    assert {"sensor-lost", "failed-reads"} <= codes(result)
    # seconds before and after the loss, by the time of the file
    lost_s = lost.stat().st_mtime - (time.time() - time.monotonic())
    (repeat,) = result["repeats"]
    before_s, after_s = lost_s - repeat["start_s"], repeat["end_s"] - lost_s
    board = result["components_j"]["gpu.board"]
    channels = [channel for channel in result["channels"] if channel["collector"] == "nvml"]
    # the last power is taken to go on for two periods of the readings and a little more
    slack_s = 2 * max(channel["period_s"] for channel in channels) + 0.3
    assert 300 * 0.5 * before_s < board["value"] < 300 * (before_s + slack_s)
    assert board["high"] - board["value"] > 300 * (after_s - slack_s)
    assert any(channel["failed"] > 5 for channel in channels)


def test_an_outage_in_mid_run_costs_nothing(tmp_path: Path, machine: Path) -> None:
    """Reads refused for a second: the counter went on, the failures are counted, no energy is
    invented.
    """
    env = nvml_environment(
        tmp_path,
        f"count=1\nwave=const,300\nenergy_ms=20\nbegins={tmp_path / 'out'}\nfault=4,0,1\n",
    )
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine, program="sleep 1; touch out; sleep 2.5")
    assert result["components_j"]["gpu.board"]["value"] == pytest.approx(
        300 * result["time_s"]["value"], rel=0.02
    )
    assert "failed-reads" in codes(result)
    assert "sensor-lost" not in codes(result)


def test_a_counter_that_disagrees_with_its_power(tmp_path: Path, machine: Path) -> None:
    """Counter at 0.6 of the power's gain: the interval holds both."""
    env = nvml_environment(tmp_path, "count=1\nwave=const,300\nenergy_gain=0.6\n")
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine)
    board = result["components_j"]["gpu.board"]
    assert "counter-power-disagree" in codes(result)
    assert (
        board["low"]
        < 0.6 * 300 * result["time_s"]["value"]
        < 300 * result["time_s"]["value"]
        < board["high"]
    )


def test_power_only_boards_are_integrated(tmp_path: Path, machine: Path) -> None:
    """No energy counter (field 83 unsupported): power is integrated with the sensor's lag and
    window.
    """
    env = nvml_environment(tmp_path, "count=1\nwave=const,300\nunsupported=83\n")
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine)
    assert result["components_j"]["gpu.board"]["value"] == pytest.approx(
        300 * result["time_s"]["value"], rel=0.02
    )


def test_a_gpu_that_answers_nothing_is_missing_not_zero(tmp_path: Path, machine: Path) -> None:
    """One board of two refuses every query: a missing part up to its limit widens the interval
    upward.
    """
    env = nvml_environment(tmp_path, "count=2\nwave=const,100\ngpu1.unsupported=all\n")
    with live_node(machine, SOCKETS):
        result = measure(tmp_path, env, machine)
    missing = [part for part in result["boundary"]["parts"] if part["state"] == "missing"]
    assert len(missing) == 1
    assert missing[0]["high_w"] > 0
    assert (
        result["energy_j"]["high"] - result["energy_j"]["value"]
        > 0.9 * missing[0]["high_w"] * result["time_s"]["value"]
    )
    assert "part-missing" in codes(result)


def test_gpus_that_nvml_cannot_read_are_not_a_saving(tmp_path: Path, machine: Path) -> None:
    """A driver of another version: the boards of the bus are missing parts with a range, the doubt
    names the cause, doctor shows them, and the same work is not called better.
    """
    pci_tree(machine, {"0000:10:00.0": PciDevice(), "0000:20:00.0": PciDevice()})
    runs = {}
    with live_node(machine, SOCKETS):
        for label, conf in (("read", "count=2\nwave=const,100\n"), ("unread", "init=18\n")):
            env = nvml_environment(tmp_path, conf)
            runs[label] = measure(tmp_path, env, machine, "--label", label, seconds=1.0)
        doctor = energybench("doctor", "--root", str(machine), cwd=tmp_path, env=env)
    found = runs["unread"]
    states = [
        part["state"] for part in found["boundary"]["parts"] if part["component"] == "gpu.board"
    ]
    assert states == ["missing", "missing"]
    assert found["energy_j"]["high"] > runs["read"]["energy_j"]["value"]
    (doubt,) = [doubt for doubt in found["doubts"] if doubt["code"] == "gpu-unreadable"]
    assert "different versions" in doubt["message"]
    assert doctor.out.count("no sensor reads it") == 2
    names = [runs[label]["id"] for label in ("read", "unread")]
    compared = in_process("compare", *names, "--json", cwd=tmp_path)
    assert compared.json["verdict"] == "inconclusive", compared.err


def test_pm_counters_as_node_meter(tmp_path: Path, machine: Path) -> None:
    """Boundary node-dc is the blade's own meter alone, accelerators included."""
    with live_node(machine, {}, {"": 640.0, "cpu": 200.0, "memory": 60.0, "accel0": 150.0}):
        result = measure(tmp_path, {}, machine, "--boundary", "node-dc", seconds=4.0)
        parts = measure(tmp_path, {}, machine, seconds=4.0)
    assert result["boundary"]["name"] == "node-dc"
    assert result["energy_j"]["value"] == pytest.approx(640 * result["time_s"]["value"], rel=0.02)
    assert parts["components_j"]["gpu.board"]["value"] == pytest.approx(
        150 * parts["time_s"]["value"], rel=0.03
    )
    assert parts["energy_j"]["value"] == pytest.approx(410 * parts["time_s"]["value"], rel=0.03)


def test_doctor_names_what_works_and_what_would_fix_the_rest(tmp_path: Path, machine: Path) -> None:
    """Sensors with a first reading, the boundary part by part, each absent collector with reason
    and remedy.
    """
    env = nvml_environment(tmp_path, "count=1\nwave=const,60\n")
    with live_node(machine, SOCKETS):
        result = energybench("doctor", "--json", "--root", str(machine), cwd=tmp_path, env=env)
        text = energybench("doctor", "--root", str(machine), cwd=tmp_path, env=env)
    document = json.loads(result.out)
    assert {"nvml", "rapl"} <= set(document["works"])
    assert all(entry["reason"] and entry["remedy"] for entry in document["absent"])
    assert {"pm_counters", "perf_rapl", "estimate"} <= {
        entry["name"] for entry in document["absent"]
    }
    assert "package-0" in text.out
    assert "pm_counters" in text.out


def test_kill_nine_of_a_sensor_run_keeps_its_samples(tmp_path: Path, machine: Path) -> None:
    """Recovered energy is what the sensors had counted until the last batch."""
    with live_node(machine, SOCKETS):
        start_s = time.monotonic()
        ran = subprocess.Popen(
            command("measure", "--root", str(machine), "--collector", "rapl", "--", "sleep", "600"),
            cwd=tmp_path,
            start_new_session=True,
        )
        (run,) = until(lambda: partial(tmp_path, '"repeat"'))
        begun_s = time.monotonic()
        batches(run, 2)
        written_s = time.monotonic()
        batches(run, 1)
        os.killpg(ran.pid, signal.SIGKILL)
        ran.wait()
        killed_s = time.monotonic()
    recovered = in_process("recover", "results", "--json", cwd=tmp_path)
    assert recovered.code == 0, recovered.err
    result = recovered.json
    assert result["components_j"]["cpu.package"]["value"] == pytest.approx(
        200 * result["time_s"]["value"], rel=0.02
    )
    # a batch is written every second: the batch before the last reaches that far
    assert written_s - begun_s - 1.1 < result["time_s"]["value"] < killed_s - start_s
