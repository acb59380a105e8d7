"""A solve's processes: one a GPU, or one a NUMA domain of the CPUs, joined by torch.distributed.
The first is the worker's own.

Links, source and solution lie in shared memory: each process folds its own slab out of them and
writes its own sites back.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.errors import BadInput
from energybench.plugins import RegionFactory
from energybench_workloads.common import cpus, end_with_parent, on_cpus, shares
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import Lattice
from energybench_workloads.milc.member import Counts, Member, Spec

if TYPE_CHECKING:
    import torch

JOIN_S = 120.0  # importing torch in every process on a busy machine


def numa_domains(root: Path = Path("/sys/devices/system/node")) -> tuple[tuple[int, ...], ...]:
    """CPUs of each NUMA domain that this process may run on; one domain with all of them where the
    kernel names none.
    """
    allowed = cpus()
    found = []
    for folder in sorted(root.glob("node[0-9]*"), key=lambda path: int(path.name[4:])):
        mine = tuple(cpu for cpu in cpu_list((folder / "cpulist").read_text()) if cpu in allowed)
        if mine:
            found.append(mine)
    return tuple(found) or (allowed,)


def cpu_list(text: str) -> tuple[int, ...]:
    """'0-3,8' as (0, 1, 2, 3, 8)."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)


class Team:
    """All members. `close` ends the other processes; they end by themselves where this one does."""

    def __init__(self, spec: Spec, links: Links, b: torch.Tensor, x: torch.Tensor) -> None:
        self.spec = spec
        self._pipes: list[Any] = []
        self._processes: list[Any] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if spec.ranks > 1:
            self._start(links, b, x)
        self.first = Member(spec, 0, links, b, x)
        for pipe in self._pipes:
            self._ready(pipe)

    def _start(self, links: Links, b: torch.Tensor, x: torch.Tensor) -> None:
        import torch.multiprocessing as mp

        for tensor in (*links, b, x):
            tensor.share_memory_()  # type: ignore[no-untyped-call]
        self._folder = tempfile.TemporaryDirectory(prefix="energybench-milc-")
        store = f"file://{self._folder.name}/ranks"
        context = mp.get_context("spawn")
        for rank in range(1, self.spec.ranks):
            here, there = context.Pipe()
            process = context.Process(
                target=_serve, args=(self.spec, rank, store, links, b, x, there), daemon=True
            )
            with on_cpus(self.spec.cpus[rank] if self.spec.cpus else cpus()):
                process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)
        join(self.spec, 0, store)

    def solve(self, region: RegionFactory, max_iterations: int | None = None) -> Counts:
        """All members together; what the first one counted."""
        self._tell("solve", max_iterations)
        counts = self.first.solve(region, max_iterations)
        self._wait()
        return counts

    def hermiticity(self, seed: int) -> float:
        self._tell("hermiticity", seed)
        found = self.first.hermiticity(seed)
        self._wait()
        return found

    def _tell(self, what: str, value: object) -> None:
        for pipe in self._pipes:
            try:
                pipe.send((what, value))
            except OSError as error:
                raise RuntimeError("another process of the solve has ended") from error

    def _wait(self) -> None:
        for pipe in self._pipes:
            self._ready(pipe)

    def _ready(self, pipe: Any) -> None:
        try:
            failure = pipe.recv()
        except EOFError:
            failure = "it ended"
        if failure:
            raise RuntimeError(f"another process of the solve failed: {failure}")

    def close(self) -> None:
        import torch.distributed as dist

        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(5.0)
            if process.is_alive():
                process.kill()
        if self._processes and dist.is_initialized():
            dist.destroy_process_group()
        if self._folder is not None:
            self._folder.cleanup()
        self._pipes, self._processes, self._folder = [], [], None


def join(spec: Spec, rank: int, store: str) -> None:
    """Enter the process group, on this process's device and CPUs."""
    from datetime import timedelta

    import torch
    import torch.distributed as dist

    device = torch.device(spec.devices[rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=store,
        rank=rank,
        world_size=spec.ranks,
        timeout=timedelta(seconds=JOIN_S),
    )


def _serve(
    spec: Spec, rank: int, store: str, links: Links, b: torch.Tensor, x: torch.Tensor, pipe: Any
) -> None:
    """A process other than the first: does what the first is told to, until the pipe ends."""
    end_with_parent()
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            join(spec, rank, store)
            member = Member(spec, rank, links, b, x)
            pipe.send("")
            while True:
                what, value = pipe.recv()
                if what == "solve":
                    member.solve(lambda label: contextlib.nullcontext(), value)
                else:
                    member.hermiticity(value)
                pipe.send("")
        except EOFError:
            raise
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")


def devices(
    device: torch.device, asked: int, lattice: Lattice
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The processes' devices and CPUs; a GPU without a number stands for all of the node.

    Raises BadInput where time cannot be cut so.
    """
    import torch

    names: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    if device.type == "cuda" and device.index is None:
        count = asked or torch.cuda.device_count()
        names, places = tuple(f"cuda:{i}" for i in range(count)), ()
    elif device.type == "cuda":
        names, places = (str(device),), ()
    else:
        domains = numa_domains()
        count = asked or _fitting(lattice.t, len(domains))
        names = ("cpu",) * count
        places = domains if count == len(domains) and count > 1 else shares(count)
    if lattice.t % (2 * len(names)) or lattice.t // len(names) < 4:
        raise BadInput(
            f"ranks {len(names)}",
            f"cannot share {lattice.t} slices of time evenly, an even number and four or more each",
            "--set ranks=N, or a longer lattice",
        )
    return names, places


def _fitting(slices: int, domains: int) -> int:
    """As many processes as NUMA domains where time can be cut so, else the next fewer that it can."""
    return next(
        count
        for count in range(domains, 0, -1)
        if slices % (2 * count) == 0 and slices // count >= 4
    )
