"""A team of processes without torch.distributed: commands, a dead member, and the end."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext

import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.common import cpus
from energybench_workloads.team import Command, Team, carry_out, gpu_names, start_processes


class Adder:
    def __init__(self) -> None:
        self.total = 0

    def add(self, a: int, b: int) -> None:
        self.total += a + b


class Inbox:
    def __init__(self, pipe: Connection, member: Adder) -> None:
        self._pipe, self._member = pipe, member

    def receive(self) -> Command | None:
        command: Command | None = self._pipe.recv()
        return command

    def done(self, name: str) -> None:
        self._pipe.send((name, self._member.total))


def serve(pipe: Connection) -> None:
    member = Adder()
    carry_out(Inbox(pipe, member), member)


class Sums(Team):
    """A team in which members add numbers."""

    def __init__(self, count: int) -> None:
        super().__init__()
        pairs = [SpawnContext().Pipe() for _ in range(count)]
        self.pipes = [ours for ours, _ in pairs]
        self._processes = start_processes(serve, [(theirs,) for _, theirs in pairs], ())

    def _send(self, command: Command | None) -> None:
        for pipe in self.pipes:
            pipe.send(command)


def test_members_carry_out_commands_until_the_team_is_closed() -> None:
    team = Sums(2)
    processes = list(team._processes)
    try:
        team.command("add", 1, 2)
        assert [pipe.recv() for pipe in team.pipes] == [("add", 3), ("add", 3)]
        team.command("add", 3, 4)
        assert [pipe.recv() for pipe in team.pipes] == [("add", 10), ("add", 10)]
    finally:
        team.close()
    assert [process.exitcode for process in processes] == [0, 0]


def test_a_command_to_a_member_that_died_raises() -> None:
    team = Sums(1)
    try:
        team._processes[0].kill()
        team._processes[0].join()
        with pytest.raises(RuntimeError, match="has ended"):
            team.command("add", 1, 2)
    finally:
        team.close()


def test_processes_inherit_their_cpus() -> None:
    """A process is bound to its place; the CPUs of this thread do not change."""
    before = os.sched_getaffinity(0)
    ours, theirs = SpawnContext().Pipe()
    (process,) = start_processes(report_cpus, [(theirs,)], [(cpus()[-1],)])
    assert ours.recv() == {cpus()[-1]}
    process.join()
    assert os.sched_getaffinity(0) == before


def report_cpus(pipe: Connection) -> None:
    pipe.send(os.sched_getaffinity(0))


def test_gpus_of_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a number: every GPU, or one GPU a process. Too many processes are refused."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    node = torch.device("cuda")
    assert gpu_names(node, 0) == ("cuda:0", "cuda:1", "cuda:2", "cuda:3")
    assert gpu_names(node, 2) == ("cuda:0", "cuda:1")
    assert gpu_names(torch.device("cuda:3"), 1) == ("cuda:3",)
    with pytest.raises(BadInput, match=r"ranks=5: torch sees 4 GPU\(s\)"):
        gpu_names(node, 5)
    with pytest.raises(BadInput, match="cuda:3 is one GPU"):
        gpu_names(torch.device("cuda:3"), 2)
