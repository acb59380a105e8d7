"""Boards that NVML does not read: the boards are listed all the same, each with its cause."""

import os
from pathlib import Path

import pytest

from tests.simulators import PciDevice, nvidia_driver_tree, nvml_environment, pci_tree, run_nvml

# The bindings of the environment, with the answers of old bindings: bytes in place of text.
BYTES = """
import importlib.metadata, importlib.util, sys
file = importlib.metadata.distribution("nvidia-ml-py").locate_file("pynvml.py")
spec = importlib.util.spec_from_file_location("bindings", file)
bindings = sys.modules["bindings"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bindings)
globals().update({key: value for key, value in vars(bindings).items() if key[:2] != "__"})


def in_bytes(function):
    return lambda *arguments: function(*arguments).encode()


for name in ("DeviceGetUUID", "DeviceGetName", "DeviceGetSerial", "SystemGetDriverVersion"):
    globals()["nvml" + name] = in_bytes(getattr(bindings, "nvml" + name))
"""
UUIDS = [f"GPU-5eed{i:04x}-0000-0000-0000-{i:012x}" for i in range(4)]


@pytest.mark.parametrize(
    ("rc", "reason", "remedy"),
    [
        (18, "different versions", "reload the nvidia modules"),
        (9, "driver is not loaded", "modprobe nvidia"),
        (4, "no permission", "/dev/nvidiactl"),
        (15, "does not start", "Xid"),
        (999, "does not start", "NVRM"),
    ],
)
def test_every_failure_to_start_has_a_reason(
    tmp_path: Path, rc: int, reason: str, remedy: str
) -> None:
    """Version mismatch, missing driver, missing rights and a lost board have different reasons and
    remedies. If NVML's answer is all that shows the boards, their number is not known; a driver
    that is not loaded shows no board.
    """
    answer = run_nvml(nvml_environment(tmp_path, f"init={rc}\n"), root=str(tmp_path))
    unavailable = answer["unavailable"]
    assert reason in unavailable["reason"]
    assert remedy in unavailable["remedy"]
    assert "\n" not in unavailable["reason"] + unavailable["remedy"]
    assert [gpu["uncounted"] for gpu in answer["gpus"]] == ([] if rc == 9 else [True])
    assert [doubt["code"] for doubt in answer["doubts"]] == ([] if rc == 9 else ["gpu-unreadable"])


@pytest.mark.parametrize(
    ("conf", "visible", "first"),
    [
        ("init=18", "1", None),
        ("count=0", None, None),
        ("init=18", UUIDS[0], True),
        ("count=0", UUIDS[1], False),
    ],
)
def test_boards_of_the_kernel_where_nvml_lists_none(
    tmp_path: Path, conf: str, visible: str | None, first: bool | None
) -> None:
    """The boards are described by the driver's and the bus's lists, with NVML's reason. An index
    tells nothing about them, a UUID tells about the board whose UUID is known.
    """
    pci_tree(tmp_path, {"0000:10:00.0": PciDevice(), "0000:20:00.0": PciDevice()})
    unknown = "GPU-????????-????-????-????-????????????"
    boards = {
        "0000:10:00.0": ("NVIDIA A100", UUIDS[0]),
        "0000:20:00.0": ("NVIDIA A100", unknown),
    }
    nvidia_driver_tree(tmp_path, boards, "535.104.05")
    answer = run_nvml(nvml_environment(tmp_path, conf + "\n"), root=str(tmp_path), visible=visible)
    assert [(gpu["uuid"], gpu["name"], gpu["used"]) for gpu in answer["gpus"]] == [
        (UUIDS[0], "NVIDIA A100", first),
        ("pci-0000:20:00.0", "NVIDIA A100", None),
    ]
    (doubt,) = answer["doubts"]
    assert doubt["code"] == "gpu-unreadable"
    assert "2 accelerators" in doubt["message"]
    assert answer["unavailable"]["reason"] in doubt["message"]
    assert ("535.104.05" in doubt["message"]) == (conf == "init=18")


@pytest.mark.parametrize(
    ("conf", "reason", "remedy"),
    [
        ("gpu1.lost=1", "lost to the driver", "Xid"),
        ("gpu1.denied=1", "no permission", "whole node"),
        ("gpu1.unsupported=all", "supports no power or energy query", "meter"),
        ("gpu1.fault=15,0,1e9", "lost to the driver", "Xid"),
        ("gpu1.fault=999,0,1e9", "return code 999", "Xid"),
    ],
)
def test_the_reason_of_a_board_is_nvmls_answer(
    tmp_path: Path, conf: str, reason: str, remedy: str
) -> None:
    """A lost board, a board of another job and a board without sensors: each has its remedy."""
    answer = run_nvml(nvml_environment(tmp_path, f"count=2\n{conf}\n"), root=str(tmp_path))
    assert len(answer["gpus"]) == 2
    (doubt,) = answer["doubts"]
    assert doubt["code"] == "gpu-unreadable"
    assert reason in doubt["message"]
    assert remedy in doubt["remedy"]


@pytest.mark.parametrize(("visible", "used"), [(None, None), ("0", None), ("", False)])
def test_boards_that_nvml_opens_for_nobody_may_be_at_work(
    tmp_path: Path, visible: str | None, used: bool | None
) -> None:
    """No board is called idle or unknown only because NVML does not open it."""
    answer = run_nvml(
        nvml_environment(tmp_path, "count=2\ndenied=1\n"), root=str(tmp_path), visible=visible
    )
    assert [gpu["used"] for gpu in answer["gpus"]] == [used, used]
    assert {doubt["code"] for doubt in answer["doubts"]} == {"gpu-unreadable"}


def test_bindings_that_answer_bytes(tmp_path: Path) -> None:
    """Bindings before 11.5 answer bytes: UUIDs and names are text all the same, and a UUID in
    CUDA_VISIBLE_DEVICES names its board.
    """
    (tmp_path / "pynvml.py").write_text(BYTES)
    env = nvml_environment(tmp_path, "count=2\n")
    env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), env.get("PYTHONPATH", "")])
    answer = run_nvml(env, visible=UUIDS[1], root=str(tmp_path))
    assert [(gpu["uuid"], gpu["used"]) for gpu in answer["gpus"]] == [
        (UUIDS[0], False),
        (UUIDS[1], True),
    ]
    assert {gpu["name"] for gpu in answer["gpus"]} == {"NVIDIA A100-SXM4-40GB (simulated)"}
    assert {channel["device"] for channel in answer["channels"]} == set(UUIDS[:2])
    assert answer["doubts"] == []
