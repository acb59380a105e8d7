"""Boards that the driver hides from the measuring process: the doubt states the cause that was
looked at, a remedy that fits it and the cost, and boards that may be the job's own are counted out
of verdicts.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energybench.analysis.comparison.counted import is_miscounted
from energybench.measuring.hidden_boards import boards_of_job
from energybench.measuring.sensors import Sensors
from energybench.measuring.unread_accelerators import with_unread_accelerators
from energybench.model import Doubt, Gpu
from tests.analysis.runs import run
from tests.simulators import PciDevice, context, pci_tree

ADDRESSES = [f"0000:{bus:02x}:00.0" for bus in (0x10, 0x20, 0x30, 0x40)]
JOB = {"SLURM_JOB_ID": "7"}


def hidden(root: Path, read: int, environment: dict[str, str]) -> list[Doubt]:
    """Doubts on a node with four boards of which the driver shows some."""
    pci_tree(root, dict.fromkeys(ADDRESSES, PciDevice()))
    gpus = tuple(
        Gpu(uuid=f"GPU-{i}", name="A100", pci_bus_id=ADDRESSES[i], used=True) for i in range(read)
    )
    sensors = Sensors(opened=(), absent=(), broken=(), gpus=gpus, doubts=())
    return list(with_unread_accelerators(sensors, context(root), environment).doubts)


@pytest.mark.parametrize(
    ("environment", "read", "code", "words"),
    [
        # all boards of the job are seen: the others are other jobs'
        (
            JOB | {"SLURM_GPUS_ON_NODE": "2"},
            2,
            "gpu-unreadable",
            "holds 2 of the node's 4 boards, and its device control group hides the others; "
            "they may draw 2000 W, and all boards 2 times the energy",
        ),
        (JOB | {"SLURM_JOB_GPUS": "0,2"}, 2, "gpu-unreadable", "holds 2 of the node's 4 boards"),
        # a task sees one of four
        (
            JOB | {"SLURM_GPUS_ON_NODE": "4", "SLURM_STEP_GPUS": "0-3"},
            1,
            "boards-hidden",
            "1 of the node's 4 boards, and the job holds 4 of them: hidden boards may be the job's "
            "own; they may draw 3000 W, and all boards 4 times the energy",
        ),
        # a step with one board of a job with four
        (
            JOB | {"SLURM_GPUS_ON_NODE": "1", "SLURM_JOB_GPUS": "0,1,2,3"},
            1,
            "boards-hidden",
            "the job holds 4",
        ),
        (JOB, 2, "boards-hidden", "Slurm states no number"),
        (JOB, 0, "gpu-unreadable", "asked Slurm for no board"),
        ({}, 2, "gpu-unreadable", "a container or a control group hides these"),
        # not hidden: no board of the job is read, or nothing is read
        (JOB | {"SLURM_GPUS_ON_NODE": "2"}, 0, "gpu-unreadable", "no collector that was opened"),
        ({}, 0, "gpu-unreadable", "no collector that was opened"),
    ],
)
def test_the_cause_is_the_one_that_was_looked_at(
    tmp_path: Path, environment: dict[str, str], read: int, code: str, words: str
) -> None:
    (doubt,) = hidden(tmp_path, read, environment)
    assert doubt.code == code
    assert words in doubt.message
    assert "\n" not in doubt.message
    own = code == "boards-hidden"
    assert ("--nodes job" in doubt.remedy) is own
    assert ("doctor" in doubt.remedy) is (read == 0)
    assert is_miscounted(msgspec.structs.replace(run("a"), doubts=(doubt,))) is own


def test_a_board_with_a_cause_of_its_own_is_not_called_hidden(tmp_path: Path) -> None:
    """The bus tells that no driver holds the last board."""
    devices = dict.fromkeys(ADDRESSES[:3], PciDevice())
    pci_tree(tmp_path, {**devices, ADDRESSES[3]: PciDevice(driver="vfio-pci")})
    gpus = tuple(Gpu(uuid=f"GPU-{i}", name="A100", pci_bus_id=ADDRESSES[i]) for i in range(3))
    sensors = Sensors(opened=(), absent=(), broken=(), gpus=gpus, doubts=())
    (doubt,) = with_unread_accelerators(sensors, context(tmp_path), dict(JOB)).doubts
    assert doubt.code == "gpu-unreadable"
    assert "vfio-pci" in doubt.message


@pytest.mark.parametrize(
    ("variables", "boards"),
    [
        ({}, None),
        ({"SLURM_GPUS_ON_NODE": "3"}, 3),
        ({"SLURM_JOB_GPUS": "0-1,3"}, 3),
        ({"SLURM_STEP_GPUS": "GPU-aa,GPU-bb"}, 2),
        ({"SLURM_STEP_GPUS": "MIG-aa"}, None),
        ({"SLURM_GPUS_ON_NODE": "x", "SLURM_JOB_GPUS": "0"}, 1),
    ],
)
def test_boards_of_a_job(variables: dict[str, str], boards: int | None) -> None:
    assert boards_of_job(variables) == boards
