"""Ranks of one launch with different programs and no label: a result of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from energybench.measuring.session import ranges
from energybench.model import Job
from energybench.store.job_files import recover_job
from energybench.store.rank_job import ensure_rank_job, rank_job_folder
from tests.simulators.job_directory import Node, host, write_part

NODES = {"n1": Node(watts=100), "n2": Node(watts=120)}
SLURM = Job(launcher="slurm", cluster="c", id="7", step="1", nodes=2, ranks=4, ranks_here=2)
MPI = Job(launcher="openmpi", id="3", ranks=4, ranks_here=2)


def launch(
    store: Path, label: str, job: Job, step: str, nodes: Sequence[str], parts: Sequence[str]
) -> Path:
    folder = rank_job_folder(store, label, job, step)
    ensure_rank_job(
        folder,
        label=label,
        command=(label,),
        boundary="compute",
        own_job=job,
        nodes=nodes,
        host=host(parts[0], NODES[parts[0]]),
    )
    for name in parts:
        write_part(folder, name, NODES[name], ((2.0, 6.0),), job)
    return folder


def remedies(folder: Path) -> list[str]:
    _, measurement = recover_job(folder, ranges())
    return [doubt.remedy for doubt in measurement.doubts if doubt.code == "node-missing"]


@pytest.mark.parametrize(("job", "nodes"), [(SLURM, ("n1", "n2")), (MPI, ())])
def test_a_missing_node_in_a_second_result_of_the_launch_names_the_label(
    tmp_path: Path, job: Job, nodes: tuple[str, ...]
) -> None:
    """Whether or not the other result has been merged already."""
    first = launch(tmp_path, "ocean model", job, "step-1", nodes, ["n1"])
    second = launch(tmp_path, "ice", job, "step-1", nodes, ["n2"])
    (of_ocean,) = remedies(first)
    assert "--label NAME" in of_ocean
    assert " ice " in of_ocean
    (of_ice,) = remedies(second)
    assert "ocean model" in of_ice


def test_results_of_other_launches_and_of_the_same_nodes_are_no_reason(tmp_path: Path) -> None:
    nodes = ("n1", "n2")
    first = launch(tmp_path, "ocean", SLURM, "step-1", nodes, ["n1"])
    launch(tmp_path, "ice", SLURM, "step-11", nodes, ["n2"])
    launch(tmp_path, "ice", msgspec.structs.replace(SLURM, id="17"), "step-1", nodes, ["n2"])
    launch(tmp_path, "land", SLURM, "step-1", nodes, ["n1"])
    os.mkdir(tmp_path / ".partial-air_c-7-r0_step-1")
    assert remedies(first) == ["repeat the job"]
