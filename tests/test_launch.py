"""How a process was launched, from the variables of Slurm, Open MPI, MPICH and torchrun."""

from __future__ import annotations

import pytest

from energybench.launch import (
    CASE,
    by_srun,
    campaign_case,
    job,
    local_ranks,
)
from energybench.launch_name import launch_name
from energybench.meeting_place import first_host, meeting_place
from energybench.model import Job
from energybench.slurm_job import nodes_of_job, slurm_numbers

BATCH = {
    "SLURM_JOB_ID": "71",
    "SLURM_CLUSTER_NAME": "perl",
    "SLURM_JOB_NUM_NODES": "4",
    "SLURM_JOB_NODELIST": "nid[001-004]",
    "SLURM_CPUS_ON_NODE": "128",
    # a batch script has these too, although it is no task of a step
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NTASKS": "16",
}
STEP = {
    **BATCH,
    "SLURM_STEP_ID": "3",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_NODELIST": "nid[001-002]",
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_STEP_TASKS_PER_NODE": "3,2",
    "SLURM_NODEID": "1",
    "SLURM_LOCALID": "1",
}
MPIRUN = {
    "OMPI_COMM_WORLD_SIZE": "8",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
}
TORCHRUN = {
    "WORLD_SIZE": "12",
    "LOCAL_WORLD_SIZE": "4",
    "LOCAL_RANK": "2",
    "GROUP_WORLD_SIZE": "3",
}


def test_without_a_launcher_there_is_no_job() -> None:
    assert job({}) is None
    assert job({"WORLD_SIZE": "1", "HOME": "/root"}) is None


def test_a_batch_script_holds_the_nodes_of_the_job() -> None:
    found = job(BATCH)
    assert found == Job(
        launcher="slurm",
        cluster="perl",
        id="71",
        nodes=4,
        node_names="nid[001-004]",
        cpus_here=128,
    )
    assert found.key == "perl-71-r0"


def test_a_task_holds_the_nodes_of_its_step() -> None:
    found = job(STEP)
    assert found is not None
    assert (found.nodes, found.node_names, found.step) == (2, "nid[001-002]", "3")
    assert (found.ranks, found.ranks_here) == (5, 2)
    assert found.key == "perl-71-r0-s3"


def test_mpirun_in_a_batch_script_knows_its_ranks_and_slurm_the_nodes() -> None:
    found = job({**BATCH, **MPIRUN})
    assert found is not None
    assert (found.launcher, found.nodes, found.ranks, found.ranks_here) == ("slurm", 4, 8, 4)


@pytest.mark.parametrize(
    ("environment", "launcher", "nodes"),
    [
        (MPIRUN, "openmpi", 2),
        (TORCHRUN, "torchrun", 3),
        ({"PMI_SIZE": "6", "MPI_LOCALNRANKS": "2", "MPI_LOCALRANKID": "0"}, "hydra", 3),
    ],
)
def test_launchers_without_slurm(environment: dict[str, str], launcher: str, nodes: int) -> None:
    found = job(environment)
    assert found is not None
    assert (found.launcher, found.nodes) == (launcher, nodes)


def test_the_last_task_of_an_array_is_named_by_array_and_index() -> None:
    """Its job number is that of the array itself."""
    last = {**BATCH, "SLURM_ARRAY_JOB_ID": "71", "SLURM_ARRAY_TASK_ID": "9"}
    other = {**last, "SLURM_JOB_ID": "80", "SLURM_ARRAY_TASK_ID": "2"}
    jobs = [job(last), job(other)]
    assert [found and found.id for found in jobs] == ["71_9", "71_2"]


def test_a_requeued_job_has_another_key() -> None:
    again = job({**BATCH, "SLURM_RESTART_COUNT": "2"})
    assert again is not None
    assert again.restart == 2
    assert again.key == "perl-71-r2"


def test_a_heterogeneous_job_holds_the_nodes_of_all_components() -> None:
    environment = {
        **BATCH,
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_HET_SIZE": "2",
        "SLURM_JOB_NUM_NODES_HET_GROUP_0": "1",
        "SLURM_JOB_NUM_NODES_HET_GROUP_1": "3",
        "SLURM_JOB_NODELIST_HET_GROUP_0": "cpu1",
        "SLURM_JOB_NODELIST_HET_GROUP_1": "gpu[1-3]",
        "SLURM_JOB_ID_HET_GROUP_0": "71",
        "SLURM_JOB_ID_HET_GROUP_1": "72",
    }
    found = job(environment)
    assert found is not None
    assert (found.nodes, found.het_groups, found.node_names) == (4, 2, "cpu1,gpu[1-3]")
    assert slurm_numbers(environment) == {"71", "72"}
    # a second job that was submitted inside the first job inherits the variables of the first job;
    # the second job has one component
    inner = {**environment, "SLURM_JOB_ID": "90"}
    found = job(inner)
    assert found is not None
    assert (found.nodes, found.het_groups, found.node_names) == (1, 1, "nid[001-004]")
    assert slurm_numbers(inner) == {"90"}
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NODELIST": "cpu1"}
    found = job({**environment, **step})
    assert found is not None
    assert (found.nodes, nodes_of_job({**environment, **step})) == (1, 4)


@pytest.mark.parametrize("text", ["", "x", "-3", "４", "1e3", "9" * 40])
def test_a_variable_that_is_no_number_is_not_known(text: str) -> None:
    found = job({**BATCH, "SLURM_JOB_NUM_NODES": text, "SLURM_JOB_NODELIST": ""})
    assert found is not None
    assert found.nodes is None


OLD_NAMES = {"SLURM_NNODES": "4", "SLURM_NODELIST": "nid[001-004]"}
HET_NAMES = {
    "SLURM_HET_SIZE": "2",
    "SLURM_JOB_ID_HET_GROUP_0": "71",
    "SLURM_JOB_ID_HET_GROUP_1": "72",
    "SLURM_JOB_NUM_NODES_HET_GROUP_0": "1",
    "SLURM_JOB_NODELIST_HET_GROUP_0": "cpu1",
    "SLURM_JOB_NODELIST_HET_GROUP_1": "gpu[1-3]",
}


@pytest.mark.parametrize(
    ("removed", "added", "nodes"),
    [
        (["SLURM_JOB_NUM_NODES"], {}, 4),
        (["SLURM_JOB_NODELIST"], {}, 4),
        (["SLURM_JOB_NUM_NODES", "SLURM_JOB_NODELIST"], {"SLURM_NNODES": "4"}, 4),
        (["SLURM_JOB_NUM_NODES", "SLURM_JOB_NODELIST"], {"SLURM_NODELIST": "a,b"}, 2),
        (["SLURM_JOB_NUM_NODES", "SLURM_JOB_NODELIST"], {}, None),
        ([], HET_NAMES, 4),  # the number of the second component is missing
        # of the step, which has fewer nodes than the job
        (["SLURM_JOB_NUM_NODES"], {**OLD_NAMES, "SLURM_NNODES": "2", "SLURM_STEP_ID": "0"}, 4),
    ],
)
def test_the_nodes_of_a_job_are_known_by_any_variable_that_is_left(
    removed: list[str], added: dict[str, str], nodes: int | None
) -> None:
    """A script may have removed some of the variables."""
    kept = {name: value for name, value in BATCH.items() if name not in removed}
    assert nodes_of_job({**kept, **added}) == nodes


ONE_TASK_A_NODE = {
    **STEP,
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
    "SLURM_PROCID": "1",
}
BY_HAND = {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "nid007"}


def test_the_tasks_of_a_step_meet_at_its_first_node() -> None:
    place = meeting_place(ONE_TASK_A_NODE)
    assert place is not None
    assert place[:3] == (2, 1, "nid001")
    assert 20_000 <= place.port < 32_768
    first = meeting_place({**ONE_TASK_A_NODE, "SLURM_PROCID": "0", "SLURM_NODEID": "0"})
    assert first == place._replace(node=0)
    other_step = meeting_place({**ONE_TASK_A_NODE, "SLURM_STEP_ID": "4"})
    assert other_step is not None
    assert other_step.key != place.key


def test_torchrun_and_a_script_of_ones_own_name_the_first_node() -> None:
    """torchrun inside a step of Slurm, too: its agents may be the tasks."""
    agent = {"LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0", "GROUP_WORLD_SIZE": "3"}
    for environment in (BY_HAND, {**BY_HAND, **agent}, {**ONE_TASK_A_NODE, **BY_HAND, **agent}):
        place = meeting_place(environment)
        assert place is not None
        assert place[:3] == (3, 1, "nid007")
    found = job(BY_HAND)
    assert found is not None
    assert (found.launcher, found.nodes, found.ranks, found.ranks_here) == ("torchrun", 3, 3, 1)


OF_FIVE = {"RANK": "4", "LOCAL_RANK": "1", "WORLD_SIZE": "5", "MASTER_ADDR": "nid001"}
OPEN_MPI = {
    "OMPI_COMM_WORLD_SIZE": "5",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
}
HYDRA = {"PMI_SIZE": "5", "MPI_LOCALNRANKS": "2", "MPI_LOCALRANKID": "1"}


@pytest.mark.parametrize("added", [{}, {"LOCAL_WORLD_SIZE": "2"}])
@pytest.mark.parametrize("started", [STEP, {**BATCH, **OPEN_MPI}, OPEN_MPI, {**BATCH, **HYDRA}])
def test_ranks_that_name_themselves_for_torch_are_those_of_their_launcher(
    started: dict[str, str], added: dict[str, str]
) -> None:
    """A script in each task sets RANK and WORLD_SIZE from the numbers of srun or mpirun."""
    by_hand = {**started, **OF_FIVE, **added}
    assert job(by_hand) == job(started)
    assert local_ranks(by_hand) == local_ranks(started)
    assert launch_name(by_hand) == launch_name(started)
    assert by_srun(by_hand) is by_srun(started)
    torchrun = {**by_hand, "TORCHELASTIC_RUN_ID": "none"}
    assert not by_srun(torchrun)
    assert launch_name(torchrun).startswith("torchrun")


@pytest.mark.parametrize(
    ("environment", "here"),
    [
        (BY_HAND, 1),
        ({**BY_HAND, "LOCAL_RANK": "0"}, None),
        ({**BY_HAND, "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "3"}, 3),
        ({**STEP, **BY_HAND, "WORLD_SIZE": "10"}, 2),  # a launch of two steps
        ({**STEP, **BY_HAND, "WORLD_SIZE": "10", "LOCAL_RANK": "0"}, None),
    ],
)
def test_ranks_on_a_node_are_known_only_if_somebody_states_them(
    environment: dict[str, str], here: int | None
) -> None:
    found = job(environment)
    assert found is not None
    assert found.ranks_here == here


def test_the_first_node_that_a_script_names_counts_inside_a_step_too() -> None:
    """Where the name that Slurm has for the node cannot be reached."""
    by_hand = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "nid007", "LOCAL_RANK": "0"}
    for environment in ({**ONE_TASK_A_NODE, **by_hand}, by_hand):
        place = meeting_place(environment)
        assert place is not None
        assert place[:3] == (2, 1, "nid007")
    assert meeting_place({**by_hand, "LOCAL_RANK": "1"}) is None


@pytest.mark.parametrize(
    "environment",
    [
        {},
        BATCH,
        STEP,  # several tasks on a node
        {**ONE_TASK_A_NODE, "SLURM_STEP_NUM_TASKS": "1"},
        {**BY_HAND, "LOCAL_WORLD_SIZE": "3"},
        {**BY_HAND, "WORLD_SIZE": "1", "RANK": "0"},
        {**BY_HAND, "RANK": "3"},
        {**ONE_TASK_A_NODE, **MPIRUN, "OMPI_COMM_WORLD_LOCAL_SIZE": "1"},
    ],
)
def test_other_launches_have_no_meeting_place(environment: dict[str, str]) -> None:
    assert meeting_place(environment) is None


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ("cpu1", "cpu1"),
        ("cpu1,cpu2", "cpu1"),
        ("nid[001-004,007],gpu1", "nid001"),
        ("rack[2-3]node[10-12]", "rack2node10"),
        ("", ""),
    ],
)
def test_the_first_name_of_a_list_in_slurms_short_form(names: str, first: str) -> None:
    assert first_host(names) == first


def test_a_campaign_names_the_run() -> None:
    """The variable of a campaign's script, and no other text."""
    assert campaign_case({CASE: "smoke/milc@cpu/0123abcd"}) == "smoke/milc@cpu/0123abcd"
    for foreign in ("", "two\nlines", "x" * 301):
        assert campaign_case({CASE: foreign}) is None
    assert campaign_case({}) is None
