"""The nodes of a job, also if the variables of the process do not name them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energybench.cluster.job_nodes import JobNodes, node_lists_of, read_nodes, with_nodes
from energybench.errors import BadInput
from energybench.launch import job
from energybench.store.layout import RUN
from tests.cluster.measured import documents
from tests.simulators.slurm import Cluster
from tests.simulators.trees import live_node

OWN = {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "cpu1"}
TWO = OWN | {"SLURM_JOB_NODELIST": "cpu[1-2]", "SLURM_JOB_NUM_NODES": "2"}
HET = {
    "SLURM_JOB_ID": "7",
    "SLURMD_NODENAME": "cpu1",
    "SLURM_HET_SIZE": "2",
    "SLURM_JOB_ID_HET_GROUP_0": "7",
    "SLURM_JOB_ID_HET_GROUP_1": "8",
    "SLURM_JOB_NODELIST": "cpu[1-2]",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_JOB_NODELIST_HET_GROUP_0": "cpu[1-2]",
    "SLURM_JOB_NUM_NODES_HET_GROUP_0": "2",
    "SLURM_JOB_NODELIST_HET_GROUP_1": "gpu1",
    "SLURM_JOB_NUM_NODES_HET_GROUP_1": "1",
}


def record(head: str, nodes: str, name: str = "app") -> str:
    """A job, as `scontrol show job` prints it."""
    return (
        f"JobId={head} JobName={name}\n   UserId=ann(1000) GroupId=ann(1000) MCS_label=N/A\n"
        f"   ReqNodeList=(null) ExcNodeList=(null)\n   NodeList={nodes}\n   BatchHost=cpu1\n"
        "   NumNodes=2 NumCPUs=8 NumTasks=2 CPUs/Task=1 ReqB:S:C:T=0:0:*:*\n\n"
    )


ONE_JOB = record("7", "cpu[1-2]")
COMPONENTS = record("7 HetJobId=7 HetJobOffset=0", "cpu[1-2]") + record(
    "8 HetJobId=7 HetJobOffset=1", "gpu1"
)


def controller(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str | None) -> None:
    """A stand-in for scontrol, which lists no names. None: its controller does not answer.

    As Slurm's own program, it gives a broken list back as it is.
    """
    answer = "echo 'Unable to contact slurm controller' >&2; exit 1"
    if text is not None:
        (folder / "job").write_text(text)
        answer = f"cat {folder}/job"
    scontrol = folder / "scontrol"
    scontrol.write_text(
        '#!/bin/sh\n[ "$2" = job ] || { case "$3" in *-) echo "$3"; exit 0;; esac; exit 1; }\n'
        f"{answer}\n"
    )
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def without(variables: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in names}


@pytest.mark.parametrize(
    ("variables", "nodes"),
    [
        (TWO, (("cpu1", "cpu2"),)),
        (HET, (("cpu1", "cpu2"), ("gpu1",))),
        # a start after a requeue, and a task of an array, have the variables of every job
        (TWO | {"SLURM_RESTART_COUNT": "2"}, (("cpu1", "cpu2"),)),
        (TWO | {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2"}, (("cpu1", "cpu2"),)),
        # sbatch inside a heterogeneous job passes the variables of that other job on
        (HET | TWO | {"SLURM_JOB_ID": "9"}, (("cpu1", "cpu2"),)),
        # the shell of salloc, on no node of the job
        (without(TWO, "SLURMD_NODENAME"), (("cpu1", "cpu2"),)),
    ],
)
def test_names_of_all_nodes_are_taken_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    nodes: tuple[tuple[str, ...], ...],
) -> None:
    controller(monkeypatch, tmp_path, None)
    found = read_nodes(variables)
    assert (found.components, found.here_alone, found.doubts) == (nodes, False, ())


LISTS = [
    "",
    "cpu1",  # too few
    "cpu[1-3]",  # too many
    "cpu1,cpu1",
    "cpu[1-",
    "cpu[1-99999999]",
    "cpu[3-4]",  # not this node
]


@pytest.mark.parametrize("names", LISTS)
def test_the_controller_is_asked_if_the_names_cannot_be_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: str
) -> None:
    controller(monkeypatch, tmp_path, ONE_JOB)
    variables = TWO | {"SLURM_JOB_NODELIST": names}
    found = read_nodes(variables)
    assert (found.components, found.doubts) == ((("cpu1", "cpu2"),), ())
    own_job = job(variables)
    assert own_job is not None
    corrected = with_nodes(own_job, found)
    assert (corrected.nodes, corrected.node_names) == (2, "cpu1,cpu2")


@pytest.mark.parametrize(
    "variables",
    [
        without(TWO, "SLURM_JOB_NODELIST"),
        without(TWO, "SLURM_JOB_NUM_NODES"),
        TWO | {"SLURM_JOB_NODELIST": "cpu1", "SLURM_JOB_NUM_NODES": ""},
        TWO | {"SLURM_JOB_NUM_NODES": "0"},
        OWN,
    ],
)
def test_the_controller_is_asked_without_a_list_or_a_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str]
) -> None:
    controller(monkeypatch, tmp_path, ONE_JOB)
    assert read_nodes(variables).components == (("cpu1", "cpu2"),)


@pytest.mark.parametrize(
    "changed",
    [
        {"SLURM_JOB_NODELIST_HET_GROUP_0": ""},
        {"SLURM_JOB_NODELIST_HET_GROUP_0": "cpu1"},
        {"SLURM_JOB_NODELIST_HET_GROUP_1": ""},
        {"SLURM_JOB_NODELIST_HET_GROUP_1": "gpu[1-2]"},
        {"SLURM_JOB_NODELIST_HET_GROUP_1": "cpu2"},  # a node of the other component
        {"SLURM_JOB_NUM_NODES_HET_GROUP_1": ""},
    ],
)
def test_every_component_has_all_of_its_nodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, str]
) -> None:
    """Each component stays in its place, which is the number of its step's component."""
    controller(monkeypatch, tmp_path, COMPONENTS)
    assert read_nodes(HET | changed).components == (("cpu1", "cpu2"), ("gpu1",))


@pytest.mark.parametrize(
    ("text", "groups", "lists"),
    [
        (ONE_JOB, 1, ["cpu[1-2]"]),
        # the last task of an array has the array's own number
        (
            record("6 ArrayJobId=7 ArrayTaskId=1", "cpu3")
            + record("7 ArrayJobId=7 ArrayTaskId=2", "cpu[1-2]"),
            1,
            ["cpu[1-2]"],
        ),
        (record("8", "cpu[1-2]"), 1, [""]),
        (record("7", "(null)"), 1, [""]),
        (record("7", "cpu[1-2]", "a JobId=9 NodeList=cpu9"), 1, ["cpu[1-2]"]),
        (COMPONENTS, 2, ["cpu[1-2]", "gpu1"]),
        (record("8 HetJobId=7 HetJobOffset=1", "gpu1"), 2, ["", "gpu1"]),
        (record("7 HetJobId=7 HetJobOffset=5", "gpu1"), 2, ["", ""]),
        ("", 1, [""]),
    ],
)
def test_what_the_controller_says_of_a_job(text: str, groups: int, lists: list[str]) -> None:
    assert node_lists_of(text, "7", groups) == lists


@pytest.mark.parametrize("text", [None, "", record("7", "(null)")])
@pytest.mark.parametrize(
    ("variables", "nodes", "code"),
    [
        (TWO | {"SLURM_JOB_NODELIST": ""}, ("cpu1", "unnamed1"), "sensor-note"),
        (TWO | {"SLURM_JOB_NODELIST": "cpu2"}, ("cpu1", "cpu2"), "sensor-note"),
        (TWO | {"SLURM_JOB_NODELIST": "cpu[1-3]"}, ("cpu1", "cpu2"), "sensor-note"),
        (TWO | {"SLURM_JOB_NODELIST": "cpu[1-"}, ("cpu1", "unnamed1"), "sensor-note"),
        (OWN, ("cpu1",), "nodes-unread"),
        (without(TWO, "SLURM_JOB_NUM_NODES"), ("cpu1", "cpu2"), "nodes-unread"),
        (
            HET | {"SLURM_JOB_NODELIST_HET_GROUP_1": ""},
            ("cpu1", "cpu2", "unnamed1"),
            "sensor-note",
        ),
    ],
)
def test_without_an_answer_this_node_is_read_and_no_other_one_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    text: str | None,
    variables: dict[str, str],
    nodes: tuple[str, ...],
    code: str,
) -> None:
    controller(monkeypatch, tmp_path, text)
    found = read_nodes(variables)
    assert (found.names, found.here, found.here_alone) == (nodes, "cpu1", True)
    (doubt,) = found.doubts
    assert doubt.code == code


def test_outside_the_job_unknown_nodes_are_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The shell of salloc on a login node: no node of the job is at hand."""
    controller(monkeypatch, tmp_path, None)
    with pytest.raises(BadInput, match="names of the job's nodes are not known"):
        read_nodes(without(TWO, "SLURMD_NODENAME", "SLURM_JOB_NODELIST"))


def test_a_step_keeps_its_own_nodes() -> None:
    variables = TWO | {
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_NODES": "1",
        "SLURM_STEP_NODELIST": "cpu1",
    }
    own_job = job(variables)
    assert own_job is not None
    assert with_nodes(own_job, JobNodes((("cpu1", "cpu2"),), "cpu1")) == own_job


def measured(folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`measure --nodes job` in a job whose controller does not answer."""
    named = ("SLURM", "OMPI", "PMI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    words = ("measure", "--nodes", "job", "--root", str(folder / "machine"), "--out", "store")
    return subprocess.run(
        [sys.executable, "-m", "energybench", *words, "--", "sh", "-c", "sleep 0.5; exit 3"],
        env=kept | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def codes(document: Any) -> dict[str, str]:
    return {doubt["code"]: doubt["message"] for doubt in document["doubts"]}


@pytest.mark.parametrize(
    ("variables", "states", "doubted"),
    [
        (TWO | {"SLURM_JOB_NODELIST": "cpu1"}, ["measured", "missing"], "node-missing"),
        (TWO | {"SLURM_JOB_NODELIST": "cpu[1-"}, ["measured", "missing"], "node-missing"),
        (OWN, ["measured"], "nodes-unread"),
    ],
)
def test_the_program_runs_and_the_unread_nodes_are_doubted(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    states: list[str],
    doubted: str,
) -> None:
    controller(monkeypatch, tmp_path, None)
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\nexit 1\n")
    srun.chmod(0o755)
    with live_node(tmp_path / "machine", {"intel-rapl:0": {"name": "package-0", "watts": 60}}):
        done = measured(tmp_path, variables)
    assert done.returncode == 3, done.stderr
    (file,) = (tmp_path / "store").glob(f"[!.]*/{RUN}")
    document = json.loads(file.read_text())
    assert [share["state"] for share in document["shares"]] == states
    assert "the names of the job's nodes are not known" in codes(document)[doubted]


@pytest.mark.slurm
def test_all_nodes_of_a_job_are_read_whatever_the_variables_say(slurm: Cluster) -> None:
    """The program's own step is unaware of the change."""
    measure = "energybench measure --nodes job --out store"
    program = "bash -c \"SLURM_JOB_NODELIST='$SLURM_JOB_NODELIST' srun -N2 -n2 --overlap sleep 1\""
    lines = [
        f"env {changed} {measure} --label {label} -- {program}"
        for label, changed in {
            "unset": "-u SLURM_JOB_NODELIST",
            "few": "SLURM_JOB_NODELIST=cpu1",
            "broken": "'SLURM_JOB_NODELIST=cpu[1-'",
            "huge": "'SLURM_JOB_NODELIST=cpu[1-99999999]'",
        }.items()
    ]
    job = slurm.sbatch("\n".join(lines), partition="cpu", nodes=2, ntasks=2).wait()
    found = documents(job.folder / "store", f"[!.]*/{RUN}")
    assert len(found) == len(lines), job.output
    for document in found:
        states = [(share["node"], share["state"]) for share in document["shares"]]
        assert states == [("cpu1", "measured"), ("cpu2", "measured")]
        assert not {"node-missing", "nodes-unread", "sensor-note"} & set(codes(document))
