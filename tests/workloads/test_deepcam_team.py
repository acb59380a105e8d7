"""Several real processes joined by gloo: half the batch on each of two processes gives the results
of the full batch on one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.deepcam import Deepcam, cost
from energybench_workloads.deepcam.place import Place, find_place
from energybench_workloads.deepcam.spec import Order, Spec, Trained
from energybench_workloads.deepcam.team import TrainingTeam
from energybench_workloads.team import quiet
from tests.workloads.small_deepcam import shrink


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


TINY = cost.SIZES["smoke"]._replace(height=32, width=48)
CPU = torch.device("cpu")


def spec(accumulate: int, world: int) -> Spec:
    return Spec(
        TINY, "training", 1, accumulate, "adamw", 1e-3, "fp32", False, 1, 4, 2, "", 1, True, world
    )


@contextlib.contextmanager
def team(accumulate: int, place: Place) -> Iterator[TrainingTeam]:
    members = TrainingTeam(spec(accumulate, place.world), place)
    try:
        yield members
    finally:
        members.close()


def gradient(members: TrainingTeam) -> torch.Tensor:
    """The gradient of the only step so far: Adam's first moment is a tenth of the gradient."""
    states = members.first.optimiser.state.values()
    return torch.cat([state["exp_avg"].flatten() for state in states]) * 10


def compare(alone: TrainingTeam, together: TrainingTeam) -> Trained:
    expected, actual = (members.train(Order(0, 1), quiet) for members in (alone, together))
    a, b = gradient(alone), gradient(together)
    assert float((a - b).norm() / a.norm()) < 1e-5
    assert actual.losses == pytest.approx(expected.losses, rel=1e-6)
    for name, x in alone.first.network.state_dict().items():
        moved = float((x - alone.first.start[name]).norm()) if x.is_floating_point() else 0.0
        if "running" not in name and moved > 0:
            assert float((x - together.first.network.state_dict()[name]).norm()) < 0.05 * moved
    return actual


def test_two_processes_with_half_the_batch_do_what_one_does() -> None:
    """Equal gradients up to rounding, equal weights up to Adam's effect on rounding, and a single
    confusion matrix over the held-out samples.
    """
    with team(2, Place(("cpu",))) as alone, team(1, Place(("cpu", "cpu"))) as together:
        compare(alone, together)
        assert int(together.evaluate().sum()) == int(alone.evaluate().sum()) == 2 * TINY.pixels


# The calls of the node that does not lead: the same as those of `compare`.
OTHER_NODE = """
import os, torch
from energybench_workloads.deepcam.place import find_place
from energybench_workloads.deepcam.spec import Order
from energybench_workloads.deepcam.team import TrainingTeam
from energybench_workloads.team import quiet
from tests.workloads.small_deepcam import shrink_for_good
from tests.workloads.test_deepcam_team import spec

if __name__ == "__main__":
    shrink_for_good()
    place = find_place(torch.device("cpu"), 1, os.environ)
    team = TrainingTeam(spec(1, place.world), place)
    team.meet()
    trained = team.train(Order(7, 9), quiet)  # the first node's order counts
    print(team.agreed(5), len(trained.losses), *trained.losses)
    team.close()
"""


def test_two_nodes_by_the_environment_of_a_launch() -> None:
    """The first node leads; the other node makes the same calls, and has the same results."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_NODE],
        env={**os.environ, **env, "RANK": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with team(2, Place(("cpu",))) as alone, team(1, find_place(CPU, 1, env)) as together:
        together.meet()
        trained = compare(alone, together)
        assert together.agreed(3) == 3
    said, _ = other.communicate(timeout=800)
    assert other.returncode == 0
    assert said.split()[:2] == ["3", "1"]
    assert [float(loss) for loss in said.split()[2:]] == list(trained.losses)


def test_the_workload_runs_over_two_processes() -> None:
    """Training and checks of the workload with --set ranks=2."""
    workload = Deepcam()
    workload.setup(
        "smoke",
        "cpu",
        lambda label: contextlib.nullcontext(),
        {
            "ranks": "2",
            "threads": "1",
            "batch": "1",
            "steps": "2",
            "samples": "4",
            "precision": "fp32",
        },
    )
    try:
        work = workload.run(lambda label: contextlib.nullcontext())
        assert work.amount == 4
        assert [check for check in workload.verify() if not check.passed] == []
    finally:
        workload.close()


@pytest.mark.parametrize(
    ("device", "ranks", "environment", "word"),
    [
        ("cuda:0", 2, {}, "one GPU"),
        (
            "cpu",
            1,
            {"RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "LOCAL_WORLD_SIZE": "4"},
            "LOCAL_WORLD_SIZE",
        ),
        ("cpu", 1, {"RANK": "x", "WORLD_SIZE": "4", "MASTER_ADDR": "a"}, "whole numbers"),
    ],
)
def test_a_launch_that_does_not_fit_is_one_line(
    device: str, ranks: int, environment: dict[str, str], word: str
) -> None:
    with pytest.raises(BadInput, match=word):
        find_place(torch.device(device), ranks, environment)


def test_without_an_environment_of_several_nodes_the_processes_are_of_this_node() -> None:
    assert find_place(CPU, 0, {}) == Place(("cpu",))
    assert find_place(CPU, 2, {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a"}).world == 2
    assert find_place(CPU, 2, {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "a"}).world == 6
