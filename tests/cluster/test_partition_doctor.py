"""Partitions as sinfo states them, and the findings of a node."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from energybench.cluster.partition_doctor import asked_for, node_facts, partitions
from energybench.cluster.slurm_queries import cpus_by_node
from energybench.errors import BadInput

SINFO = """\
cpu|up|4|(null)
cpu|up|2|(null)
gpu|up|2|gpu:a100:4(S:0-1)
gpu|up|1|craynetwork:4,gpu:h100:8
old|down|9|(null)
mixed|up|1|gpu(S:0):2
shards|up|1|gpuless:1
"""


def findings() -> dict[str, Any]:
    board = {"component": "gpu.board", "device": "GPU-0", "reads": 100.0}
    return {
        "works": ["nvml"],
        "absent": [{"name": "rapl", "reason": "no rights", "remedy": "ask"}],
        "channels": [board, {**board, "device": "GPU-1", "reads": None}],
        "boundary": {"parts": [SimpleNamespace(component="gpu.board", state="measured")]},
    }


def test_partitions_of_sinfo() -> None:
    found = {each.name: each for each in partitions(SINFO)}
    assert found["cpu"].nodes == 6
    assert [name for name, each in found.items() if each.has_boards] == ["gpu", "mixed"]
    assert not found["old"].up


def test_partitions_that_are_up_or_asked_for() -> None:
    known = partitions(SINFO)
    assert [each.name for each in asked_for(known, [])] == ["cpu", "gpu", "mixed", "shards"]
    assert [each.name for each in asked_for(known, ["old"])] == ["old"]
    with pytest.raises(BadInput, match="--partition x"):
        asked_for(known, ["x"])


def test_boards_that_a_job_cannot_read(tmp_path: Path) -> None:
    """Two boards on the node, one of which has a sensor that could be read."""
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "proc/driver/nvidia/gpus" / name).mkdir(parents=True)
    facts = node_facts(findings, {"SLURMD_NODENAME": "gpu1"}, tmp_path)
    assert (facts.node, facts.boards_present, facts.boards_read) == ("gpu1", 2, 1)
    assert facts.overlap is None
    assert node_facts(findings, {}, tmp_path / "nowhere").boards_present is None


def test_cpus_that_jobs_can_have() -> None:
    """Older versions state no effective CPUs."""
    text = (
        "NodeName=n1 Arch=x86_64 CPUAlloc=0 CPUEfctv=126 CPUTot=128 CPULoad=0.1\n"
        "NodeName=n2 CPUAlloc=0 CPUTot=64 OS=Linux 6.1 #1 SMP\n"
        "NodeName=n3 State=DOWN\n"
    )
    assert cpus_by_node(text) == {"n1": 126, "n2": 64}
