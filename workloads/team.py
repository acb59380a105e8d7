"""A team of processes that work together on one workload, joined by torch.distributed.

The first member is the worker's own process. It starts the other members of its node, sends them
every command that it carries out itself, and ends them. A command is the name of a method of the
workload's `Member` class and the arguments of that method.

How commands travel depends on the workload: milc uses a pipe to each process of its node, deepcam
a broadcast that also reaches other nodes. Both ends of the way are interfaces here: `Team._send`
for the first process, `Inbox` for the other members.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from energybench.errors import BadInput
from energybench_workloads.common import cpus, end_with_parent, on_cpus

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import torch

END_S = 10.0  # time for a process to end by itself before it is killed

Command = tuple[str, tuple[Any, ...]]  # name of a method of Member, and the method's arguments


def quiet(label: str) -> contextlib.AbstractContextManager[Any]:
    """A region that nobody measures: only the first member marks regions."""
    return contextlib.nullcontext()


class Team(abc.ABC):
    """All members, seen from the first process.

    `close` ends the other processes of this node. They also end by themselves if this process ends.
    """

    def __init__(self) -> None:
        self._processes: list[BaseProcess] = []
        self._joined = False  # whether this process is in a process group

    @abc.abstractmethod
    def _send(self, command: Command | None) -> None:
        """Send a command to all other members, or None to end them."""

    def command(self, name: str, *arguments: object) -> None:
        """Let all other members call a method. The caller calls the same method of the first one.

        Raises RuntimeError if a process of this node has ended.
        """
        ended = "another process of this workload has ended; see above for its error message"
        if any(not process.is_alive() for process in self._processes):
            raise RuntimeError(ended)
        try:
            self._send((name, arguments))
        except OSError as error:
            raise RuntimeError(ended) from error

    def close(self) -> None:
        """End the other processes of this node and leave the process group."""
        import torch.distributed as dist

        with contextlib.suppress(RuntimeError, OSError):  # members that have ended need no message
            self._send(None)
        for process in self._processes:
            process.join(END_S)
            if process.is_alive():
                process.kill()
        if self._joined and dist.is_initialized():
            dist.destroy_process_group()
        self._processes, self._joined = [], False


class Inbox(Protocol):
    """Where a member other than the first receives commands, and reports that they are done."""

    def receive(self) -> Command | None:
        """Wait for the next command. None: the first process ends the team."""

    def done(self, name: str) -> None:
        """The member has carried out the command of this name."""


def carry_out(inbox: Inbox, member: object) -> None:
    """Let the member do whatever the first process commands, until that process ends the team."""
    while (command := inbox.receive()) is not None:
        name, arguments = command
        getattr(member, name)(*arguments)
        inbox.done(name)


def start_processes(
    serve: Callable[..., None],
    arguments: Sequence[tuple[object, ...]],
    places: Sequence[tuple[int, ...]],
) -> list[BaseProcess]:
    """Start a process for each tuple of `arguments`; the process calls `serve` with the tuple.

    `places` are the CPUs of each process, in the same order; if empty, every process may use all
    CPUs of this one. `serve` is a function of a module, so that a new interpreter can import it.
    """
    import torch.multiprocessing as mp

    context = mp.get_context("spawn")
    processes: list[BaseProcess] = [
        context.Process(target=_run, args=(serve, values), daemon=True) for values in arguments
    ]
    for number, process in enumerate(processes):
        with on_cpus(places[number] if places else cpus()):
            process.start()
    return processes


def _run(serve: Callable[..., None], arguments: tuple[object, ...]) -> None:
    end_with_parent()
    serve(*arguments)


def join_group(
    store: Any,
    device: torch.device,
    rank: int,
    world: int,
    gpu_backend: str,
    timeout_s: float,
) -> None:
    """Enter the process group of `world` processes as number `rank`, and use `device` from now on.

    The members meet at `store`, a torch.distributed.Store. `timeout_s` limits the joining and every
    exchange afterwards.
    """
    import torch
    import torch.distributed as dist

    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = gpu_backend
    dist.init_process_group(
        backend,
        store=store,
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=timeout_s),
    )


def gpu_names(device: torch.device, ranks: int) -> tuple[str, ...]:
    """The GPU of each process on this node. `ranks` is the setting of that name, 0 if not set.

    A device without a number stands for all GPUs of the node. Raises BadInput if there are fewer
    GPUs than processes.
    """
    import torch

    if device.index is not None:
        if ranks > 1:
            raise BadInput(f"--set ranks={ranks}", f"{device} is one GPU", "--device node")
        return (str(device),)
    count = torch.cuda.device_count()
    if ranks > count:
        raise BadInput(f"--set ranks={ranks}", f"torch sees {count} GPU(s)", f"1 to {count}")
    return tuple(f"cuda:{number}" for number in range(ranks or count))


def describe(error: BaseException) -> str:
    """An error as one line, for the person who started the run."""
    return f"{type(error).__name__}: {error}"
