"""The NVML collector, in a process for each test, against a simulated libnvidia-ml.so.1 of known
power.
"""

import math
import time
from pathlib import Path

import pytest

from tests.collectors.nvml_answers import UUIDS, column, mean_power_w, values
from tests.simulators import nvml_environment, run_nvml


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counter_follows_true_power_whatever_the_phase(tmp_path: Path, seed: int) -> None:
    """Over a second of a square wave the mean of the counter is the true mean, up to the energy of
    one tick at either end.
    """
    env = nvml_environment(
        tmp_path, "count=2\nwave=square,100,300,0.1,0.5\nphase_ms=random\nenergy_ms=20\n", seed
    )
    answer = run_nvml(env, reads=21, every_s=0.05)
    for uuid in UUIDS[:2]:
        assert math.isclose(
            mean_power_w(values(answer, f"nvml/{uuid}/gpu.board/energy")), 200, abs_tol=200 * 0.04
        )


def test_every_board_is_open_and_says_whether_it_was_used(tmp_path: Path) -> None:
    """Unused boards of the node are read as well: the boundary includes the idle energy."""
    answer = run_nvml(nvml_environment(tmp_path, "count=4\n"), visible="2", order="PCI_BUS_ID")
    assert {channel["device"]: channel["used"] for channel in answer["channels"]} == {
        uuid: uuid == UUIDS[2] for uuid in UUIDS
    }
    assert [gpu["used"] for gpu in answer["gpus"]] == [False, False, True, False]
    assert answer["doubts"] == []


def test_channels_of_an_a100(tmp_path: Path) -> None:
    """A counter in mJ and a part-time power sensor of the board; the gain belongs to this board
    alone.
    """
    answer = run_nvml(nvml_environment(tmp_path, "count=1\nlimit=400\n"))
    counter, power = answer["channels"]
    assert (
        counter["kind"],
        counter["quantity"],
        counter["resolution"],
        counter["update_period_s"],
    ) == ("counter", "energy", 1e-3, 0.1)
    assert (power["kind"], power["quantity"], power["window_s"], power["update_period_s"]) == (
        "power",
        "power_instant",
        0.025,
        0.1,
    )
    assert counter["max_power_w"] == power["max_power_w"] == 1200
    assert counter["gain"]["key"] == power["gain"]["key"] == f"gain:{UUIDS[0]}"
    assert all(isinstance(sample[0], int) for sample in answer["samples"][0])


def test_lag_and_averaging_are_left_to_the_core(tmp_path: Path) -> None:
    """A reading is passed on unchanged: with a lag of 100 s the power is the power of 100 s ago."""
    trace = tmp_path / "trace"
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    trace.write_text(f"0 100\n{now_s - 50} 300\n")
    answer = run_nvml(
        nvml_environment(
            tmp_path, f"count=2\ngpu0.trace={trace}\ngpu1.trace={trace}\ngpu1.lag_ms=100000\n"
        )
    )
    assert [sample[0] for sample in (answer["samples"][0][1], answer["samples"][0][3])] == [
        300000,
        100000,
    ]


def test_counter_and_power_may_disagree(tmp_path: Path) -> None:
    """Counter and power are recorded without correction, so that the core can compare the two."""
    answer = run_nvml(
        nvml_environment(tmp_path, "count=1\nwave=const,200\ngain=1.1\nenergy_gain=0.9\n"),
        reads=11,
        every_s=0.05,
    )
    assert math.isclose(
        mean_power_w(values(answer, f"nvml/{UUIDS[0]}/gpu.board/energy")), 180, rel_tol=0.05
    )
    assert {raw for _, raw in values(answer, f"nvml/{UUIDS[0]}/gpu.board/power_instant")} == {
        220000
    }
    assert all(channel["counts"] for channel in answer["channels"])


def test_counter_that_integrates_its_samples_only(tmp_path: Path) -> None:
    """A 25 ms sensor locked to a 100 ms wave measures the high part of the wave only, and so does
    the counter behind the sensor.
    """
    # the window [T - 25 ms, T] of every publication T = k * 100 ms lies in the high quarter
    wave_end_s = 0.1
    answer = run_nvml(
        nvml_environment(
            tmp_path,
            f"count=1\nwave=square,500,100,{wave_end_s},0.75\nenergy_from=samples\nenergy_ms=100\n",
        ),
        reads=12,
        every_s=0.1,
    )
    assert math.isclose(
        mean_power_w(values(answer, f"nvml/{UUIDS[0]}/gpu.board/energy")), 500, rel_tol=0.12
    )


@pytest.mark.parametrize("rc", [3, 4, 15])
def test_a_fault_during_a_run_costs_a_single_gpu(tmp_path: Path, rc: int) -> None:
    """Not supported, no permission, GPU lost: None while the fault lasts, never a zero, never an
    exception; the readings of the second board go on.
    """
    answer = run_nvml(
        nvml_environment(tmp_path, f"count=2\nwave=const,100\ngpu1.fault={rc},0.3,0.6\n"),
        reads=18,
        every_s=0.05,
    )
    for quantity in ("energy", "power_instant"):
        lost = column(answer, f"nvml/{UUIDS[1]}/gpu.board/{quantity}")
        assert None in lost
        assert lost[0] is not None
        assert lost[-1] is not None
        assert all(sample[0] > 0 for sample in lost if sample is not None)
        assert None not in column(answer, f"nvml/{UUIDS[0]}/gpu.board/{quantity}")


def test_a_fault_of_one_field_costs_a_single_field(tmp_path: Path) -> None:
    """Every field has a return code of its own."""
    answer = run_nvml(
        nvml_environment(tmp_path, "count=1\nfield_fault=186,3,0.2,9\n"), reads=10, every_s=0.05
    )
    assert column(answer, f"nvml/{UUIDS[0]}/gpu.board/power_instant")[-1] is None
    assert None not in column(answer, f"nvml/{UUIDS[0]}/gpu.board/energy")


def test_zero_milliwatts_is_a_failed_read(tmp_path: Path) -> None:
    """A driver that is polled too often answers 0 mW, which is not a power of 0."""
    answer = run_nvml(nvml_environment(tmp_path, "count=1\nzero=0.2,9\n"), reads=10, every_s=0.05)
    power = column(answer, f"nvml/{UUIDS[0]}/gpu.board/power_instant")
    assert power[0][0] == 60000
    assert power[-1] is None


def test_older_queries_where_fields_are_missing(tmp_path: Path) -> None:
    """Without fields 83 and 186 the old energy and power queries are read.

    On GA100 (8.0) the power query is not averaged.
    """
    conf = "count=1\nwave=const,150\n"
    answer = run_nvml(nvml_environment(tmp_path, conf + "ignores_scope=0\n"), reads=2, every_s=0.1)
    assert [channel["quantity"] for channel in answer["channels"]] == ["energy", "power_instant"]
    library_without_fields = run_nvml(
        nvml_environment(tmp_path, conf + "no_fields=1\n", 2), reads=3, every_s=0.1
    )
    assert [
        (c["quantity"], c["window_s"], c["counts"]) for c in library_without_fields["channels"]
    ] == [("energy", 0.0, True), ("power_usage", 0.025, True)]
    assert column(library_without_fields, f"nvml/{UUIDS[0]}/gpu.board/power_usage")[0][0] == 150000
    newer = run_nvml(nvml_environment(tmp_path, conf + "no_fields=1\ncc=8.6\nname=NVIDIA A40\n", 3))
    assert [(c["quantity"], c["window_s"]) for c in newer["channels"]] == [
        ("energy", 0.0),
        ("power_usage", 1.0),
    ]


def test_power_average_is_recorded_and_not_summed(tmp_path: Path) -> None:
    """A second reading of the power of a board is not summed."""
    answer = run_nvml(
        nvml_environment(
            tmp_path, "count=1\ncc=9.0\nname=NVIDIA H100 80GB HBM3\nmemory_share=0.2\n"
        )
    )
    channels = {
        (c["component"], c["quantity"]): (c["counts"], c["window_s"], c["contains"])
        for c in answer["channels"]
    }
    assert channels == {
        ("gpu.board", "energy"): (True, 0.0, []),
        ("gpu.board", "power_instant"): (True, 0.025, []),
        ("gpu.board", "power_average"): (False, 1.0, []),
        ("gpu.memory", "power_instant"): (False, 0.025, []),
        ("gpu.memory", "power_average"): (False, 1.0, []),
    }


def test_provenance(tmp_path: Path) -> None:
    """Identity, limits, clocks and state of the board, in the units of the model."""
    gpu = run_nvml(nvml_environment(tmp_path, "count=1\nthrottle=36\nmem_mib=1\n"))["gpus"][0]
    assert gpu == {
        "uuid": UUIDS[0],
        "name": "NVIDIA A100-SXM4-40GB (simulated)",
        "used": True,
        "driver": "550.54.15",
        "cuda": "12.4",
        "pci_bus_id": "00000000:10:00.0",
        "serial": "1560000000000",
        "memory_bytes": 1048576,
        "power_limit_w": 400.0,
        "power_limit_default_w": 400.0,
        "power_limit_min_w": 100.0,
        "power_limit_max_w": 400.0,
        "sm_clock_mhz": 1095,
        "sm_clock_max_mhz": 1410,
        "memory_clock_mhz": 1215,
        "memory_clock_max_mhz": 1215,
        "persistence": True,
        "ecc": True,
        "mig": False,
        "temperature_c": 45,
        "throttle_reasons": "sw-power-cap, sw-thermal",
        "uncounted": False,
    }


def test_refused_provenance_is_none(tmp_path: Path) -> None:
    """A refused query leaves a value unknown, and the readings still work."""
    answer = run_nvml(nvml_environment(tmp_path, "count=1\nrefuse=1\n"))
    gpu = answer["gpus"][0]
    assert [
        gpu[key]
        for key in (
            "serial",
            "ecc",
            "power_limit_max_w",
            "sm_clock_mhz",
            "temperature_c",
            "throttle_reasons",
            "persistence",
        )
    ] == [None] * 7
    assert [c["max_power_w"] for c in answer["channels"]] == [None, None]


def test_mig_instance_charges_the_whole_board_with_a_doubt(tmp_path: Path) -> None:
    """Power exists for the parent board only: the parent is marked as used, and a doubt names the
    share of the multiprocessors.
    """
    instance = "MIG-5eed0001-0000-0000-0001-000000000001"
    answer = run_nvml(nvml_environment(tmp_path, "count=2\ngpu1.mig=14,28\n"), visible=instance)
    assert [gpu["used"] for gpu in answer["gpus"]] == [False, True]
    doubt, *more = answer["doubts"]
    message, remedy = doubt["message"], doubt["remedy"]
    assert (doubt["code"], more) == ("mig-parent", [])
    assert "28 of 98 multiprocessors (29 %)" in message
    assert remedy


def test_a_driver_that_takes_its_time_is_waited_for_asleep(tmp_path: Path) -> None:
    """8 boards whose driver takes 200 µs a call: reading takes less CPU time than the driver takes
    by the clock. `benchmarks/sampling_cost.py` measures the share of a core.
    """
    reads, latency_s = 20, 200e-6
    answer = run_nvml(
        nvml_environment(tmp_path, "count=8\nlatency_us=200\ncc=9.0\n"), reads=reads, every_s=0.1
    )
    channels = len(answer["samples"][0])
    assert channels == 24
    assert answer["cpu_s"] < reads * channels * latency_s
