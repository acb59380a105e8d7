"""The boards that NVML reads and lists: modules of superchips, boards without answers or of another
job, and machines without a board.
"""

import math
import os
import time
from pathlib import Path

import pytest

from energybench.collectors.nvml import Nvml
from energybench.plugins import Unavailable
from tests.collectors.nvml_answers import UUIDS, column, mean_power_w, values
from tests.simulators import context, nvml_environment, run_nvml


def test_gh200_counts_its_module(tmp_path: Path) -> None:
    """The energy counter of a GH200 covers CPU, GPU and memory; the power of the GPU stays with the
    board.
    """
    conf = (
        "count=1\ncc=9.0\nname=NVIDIA GH200 "
        "480GB\nwave=const,400\nmodule_w=150\ncounter_of=module\n"
    )
    answer = run_nvml(nvml_environment(tmp_path, conf), reads=6, every_s=0.1)
    parts = {c["quantity"] + "/" + c["component"]: c for c in answer["channels"]}
    assert {key for key, c in parts.items() if c["counts"]} == {
        "energy/module",
        "power_instant/gpu.board",
        "power_instant/module",
    }
    assert {"gpu.board", "cpu.package", "cpu.dram"} <= set(parts["energy/module"]["contains"])
    assert math.isclose(
        mean_power_w(values(answer, f"nvml/{UUIDS[0]}/module/energy")), 550, rel_tol=0.1
    )
    assert column(answer, f"nvml/{UUIDS[0]}/module/power_instant")[0][0] == 550000
    assert answer["doubts"] == []


def test_other_superchips_are_doubted(tmp_path: Path) -> None:
    """If two boards may share a module, the power of the module is recorded and not summed, and a
    doubt says that the scope of the counter is not documented.
    """
    answer = run_nvml(
        nvml_environment(tmp_path, "count=2\ncc=10.0\nname=NVIDIA GB200\nmodule_w=300\n")
    )
    assert not any(c["counts"] for c in answer["channels"] if c["component"] == "module")
    assert [doubt["code"] for doubt in answer["doubts"]] == ["counter-scope"] * 2


def test_a_driver_that_ignores_scopes_has_no_module(tmp_path: Path) -> None:
    """Old drivers answer every scope with the power of the GPU: as the power of a module, the power
    would be counted twice.
    """
    answer = run_nvml(nvml_environment(tmp_path, "count=1\ncc=9.0\nignores_scope=1\n"))
    assert {c["component"] for c in answer["channels"]} == {"gpu.board"}


def test_a_board_without_answers_is_listed(tmp_path: Path) -> None:
    """The board has no channel, but the boundary must contain the board."""
    answer = run_nvml(nvml_environment(tmp_path, "count=2\ngpu1.unsupported=all\n"))
    assert {c["device"] for c in answer["channels"]} == {UUIDS[0]}
    assert [gpu["uuid"] for gpu in answer["gpus"]] == UUIDS[:2]
    assert answer["gpus"][1]["power_limit_w"] is None
    assert [doubt["code"] for doubt in answer["doubts"]] == ["gpu-unreadable"]


def test_no_board_answers_anything(tmp_path: Path) -> None:
    """Jetson: unavailable, with a reason and a remedy, and the GPU is still listed."""
    answer = run_nvml(nvml_environment(tmp_path, "count=1\nunsupported=all\nname=Orin (nvgpu)\n"))
    assert answer["channels"] == []
    assert "answers" in answer["unavailable"]["reason"]
    assert [gpu["name"] for gpu in answer["gpus"]] == ["Orin (nvgpu)"]


def test_a_board_of_another_job_is_listed_and_shifts_no_index(tmp_path: Path) -> None:
    """CUDA numbers only the boards that the job may open."""
    answer = run_nvml(
        nvml_environment(tmp_path, "count=3\ngpu0.denied=1\n"), visible="0", order="PCI_BUS_ID"
    )
    assert [(gpu["uuid"], gpu["used"]) for gpu in answer["gpus"]] == [
        (UUIDS[1], True),
        (UUIDS[2], False),
        ("unreadable-0", None),
    ]
    assert [doubt["code"] for doubt in answer["doubts"]] == ["gpu-unreadable"]


def test_no_gpu(tmp_path: Path) -> None:
    """A driver without a GPU is unavailable, not an empty success."""
    assert "no GPU" in run_nvml(nvml_environment(tmp_path, "count=0\n"))["unavailable"]["reason"]


def test_boards_of_a_control_group(tmp_path: Path) -> None:
    """A board keeps its identity and its place on the bus when others are hidden before it."""
    environment = nvml_environment(tmp_path, "count=4\n") | {"NVMLSIM_BOARDS": "2,3"}
    gpus = run_nvml(environment)["gpus"]
    assert [gpu["uuid"] for gpu in gpus] == UUIDS[2:4]
    assert [gpu["pci_bus_id"] for gpu in gpus] == ["00000000:30:00.0", "00000000:40:00.0"]
    answer = run_nvml(environment | {"NVMLSIM_BOARDS": "none"})
    assert "no GPU" in answer["unavailable"]["reason"]


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="this machine has an NVIDIA driver")
def test_missing_library() -> None:
    """Without the library there is no import and no cost."""
    start_s = time.process_time()
    with pytest.raises(Unavailable, match="was not found") as caught:
        Nvml().open(context())
    assert "install the NVIDIA driver" in caught.value.remedy
    assert time.process_time() - start_s < 0.02


def test_pynvml_is_imported_by_open_alone(tmp_path: Path) -> None:
    """The import of the collector does not import pynvml."""
    assert run_nvml(nvml_environment(tmp_path, "count=1\n"))["imported"] == [False, True]
