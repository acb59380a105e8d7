"""The processes of a solve: a process for every GPU, or for every NUMA domain of the CPUs.

Links, source and solution lie in memory shared by the processes of a node. A process folds the
links of its slab, and writes the solution on the sites of its slab. On several nodes the worker of
each node makes the same calls, and commands the processes of its own node.
"""

from __future__ import annotations

import contextlib
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from energybench.plugins import RegionFactory
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.member import Counts, Member, Spec
from energybench_workloads.team import JOIN_S as NODES_JOIN_S
from energybench_workloads.team import (
    Command,
    carry_out,
    describe,
    join_group,
    start_processes,
    tcp_store,
)
from energybench_workloads.team import Team as ProcessTeam

if TYPE_CHECKING:
    import torch
    import torch.distributed as dist

JOIN_S = 120.0  # importing torch in every process on a busy machine
IDLE_S = 86_400.0  # between two repeats a node may wait for another up to this time


class SolverTeam(ProcessTeam):
    """The members of a solve. Commands travel through a pipe to every process. The process answers
    a command with "", or with an error message.
    """

    def __init__(self, spec: Spec, links: Links, b: torch.Tensor, x: torch.Tensor) -> None:
        super().__init__()
        self.spec = spec
        self._pipes: list[Any] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._nodes: dist.ProcessGroup | None = None  # the first process of every node
        try:
            if spec.world > 1:
                self._start(links, b, x)
            self.first = Member(spec, 0, links, b, x)
            self._wait()
        except BaseException:
            self.close()
            raise

    def _start(self, links: Links, b: torch.Tensor, x: torch.Tensor) -> None:
        import torch.multiprocessing as mp

        for tensor in (*links, b, x):
            tensor.share_memory_()  # type: ignore[no-untyped-call]
        path = ""
        if self.spec.nodes.total == 1:
            self._folder = tempfile.TemporaryDirectory(prefix="energybench-milc-")
            path = f"{self._folder.name}/ranks"
        pairs = [mp.get_context("spawn").Pipe() for _ in range(1, self.spec.ranks)]
        self._pipes = [ours for ours, _ in pairs]
        self._processes = start_processes(
            _serve,
            [
                (self.spec, rank, path, links, b, x, theirs)
                for rank, (_, theirs) in enumerate(pairs, 1)
            ],
            self.spec.cpus[1:],
        )
        for _, theirs in pairs:
            theirs.close()
        self._nodes = join(self.spec, 0, path)
        self._joined = True

    def solve(self, region: RegionFactory, max_iterations: int | None = None) -> Counts:
        """Solve with all members together. Returns the counts of the first member."""
        self.command("solve", max_iterations)
        counts = self.first.solve(max_iterations, region)
        self._wait()
        return counts

    def hermiticity(self, seed: int) -> float:
        """`checks.hermiticity` of the operator over all members."""
        self.command("hermiticity", seed)
        difference = self.first.hermiticity(seed)
        self._wait()
        return difference

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over the nodes of the passed values."""
        import torch.distributed as dist

        if self._nodes is not None:
            dist.all_reduce(values, group=self._nodes)
        return values

    def gathered(self, v: torch.Tensor) -> torch.Tensor:
        """Even-site vectors of the problem, [..., half, 3], from the vectors of each node's own
        sites.
        """
        import torch
        import torch.distributed as dist

        if self._nodes is None:
            return v
        own = torch.view_as_real(v).contiguous()
        parts = [torch.empty_like(own) for _ in range(self.spec.nodes.total)]
        dist.all_gather(parts, own, group=self._nodes)
        return torch.view_as_complex(torch.cat(parts, dim=-3))

    def said(self, text: str) -> str:
        """The text of the first node, on every node."""
        import torch.distributed as dist

        texts = [text]
        if self._nodes is not None:
            dist.broadcast_object_list(texts, src=0, group=self._nodes)
        return texts[0]

    def _send(self, command: Command | None) -> None:
        for pipe in self._pipes:
            if command is None:
                pipe.close()
            else:
                pipe.send(command)

    def _wait(self) -> None:
        """Wait until the other members are done. Raises RuntimeError with a member's error."""
        for pipe in self._pipes:
            try:
                failure = pipe.recv()
            except EOFError:
                failure = "it ended"
            if failure:
                raise RuntimeError(f"another process of the solve failed: {failure}")

    def close(self) -> None:
        super().close()
        if self._folder is not None:
            self._folder.cleanup()
        self._pipes, self._folder, self._nodes = [], None, None


def join(spec: Spec, local: int, path: str) -> dist.ProcessGroup | None:
    """Enter the process group, whose members meet at the file `path`, or on several nodes at the
    first node. Returns the group of the first processes of all nodes, if there are several.
    """
    import torch
    import torch.distributed as dist
    from torch.distributed import FileStore  # type: ignore[attr-defined]

    nodes, rank, device = spec.nodes, spec.rank(local), torch.device(spec.devices[local])
    if nodes.total == 1:
        store = FileStore(path, spec.ranks)
        store.set_timeout(timedelta(seconds=JOIN_S))
        join_group(store, device, rank, spec.world, "nccl", JOIN_S)
        return None
    store = tcp_store(nodes.address, nodes.port, spec.world, rank)
    join_group(store, device, rank, spec.world, "nccl", NODES_JOIN_S)
    firsts = list(range(0, spec.world, spec.ranks))
    group: dist.ProcessGroup = dist.new_group(
        firsts, timeout=timedelta(seconds=IDLE_S), backend="gloo"
    )
    return group if local == 0 else None


class _Pipe:
    """The pipe, seen from a process other than the first. When the first process closes the team,
    or dies, the pipe is closed.
    """

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def receive(self) -> Command | None:
        try:
            command: Command = self._pipe.recv()
        except EOFError:
            return None
        return command

    def done(self, name: str) -> None:
        self._pipe.send("")


def _serve(
    spec: Spec, rank: int, path: str, links: Links, b: torch.Tensor, x: torch.Tensor, pipe: Any
) -> None:
    """A process other than the first. An error is sent to the first process through the pipe."""
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        try:
            join(spec, rank, path)
            member = Member(spec, rank, links, b, x)
            pipe.send("")
            carry_out(_Pipe(pipe), member)
        except Exception as error:
            pipe.send(describe(error))
