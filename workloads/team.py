"""A team of processes for a common workload, joined by torch.distributed.

The worker's process is the first member. The first member starts the other members of the node,
sends a command for every step of the work, and ends the members. A command is the name of a method
of the workload's `Member` class, with the arguments of the method; the first member calls the
method directly.

The way of a command depends on the workload: milc uses a pipe to every process of the node, deepcam
a broadcast that also reaches other nodes. The ends of the way are interfaces here: `Team._send` in
the first process, `Inbox` in the other processes.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from energybench.errors import BadInput
from energybench_workloads.common import cpus, end_with_parent, on_cpus

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import torch

# Further nodes may be started later; an exchange within the work also has to end in this time
JOIN_S = 600.0
END_S = 10.0  # time for a process to end by itself before it is killed

Command = tuple[str, tuple[Any, ...]]  # name and arguments of a method of Member


class Nodes(NamedTuple):
    """The nodes of a workload, the number of this node, and the meeting place of the processes:
    address and port of node 0.
    """

    total: int = 1
    node: int = 0
    address: str = "127.0.0.1"
    port: int = 0


def find_nodes(environment: Mapping[str, str]) -> Nodes:
    """The nodes, from the environment set by `energybench run`, from srun or from torchrun: RANK
    and WORLD_SIZE count nodes. Raises BadInput for a launch of several processes on a node.
    """
    needed = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
    if any(key not in environment for key in needed) or environment["WORLD_SIZE"] == "1":
        return Nodes()
    if environment.get("LOCAL_WORLD_SIZE", "1") != "1":
        raise BadInput(
            "LOCAL_WORLD_SIZE",
            "is not 1, but this workload starts the processes of a node itself",
            "one launch a node, such as torchrun --nproc-per-node 1",
        )
    try:
        total = int(environment["WORLD_SIZE"])
        node = int(environment["RANK"])
        port = int(environment.get("MASTER_PORT", "29500"))
    except ValueError as error:
        raise BadInput("RANK, WORLD_SIZE, MASTER_PORT", str(error), "whole numbers") from None
    return Nodes(total, node, environment["MASTER_ADDR"], port)


def tcp_store(address: str, port: int, world: int, rank: int) -> Any:
    """Meeting place of the processes of all nodes; process 0 listens."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(address, port, world, is_master=rank == 0, timeout=timedelta(seconds=JOIN_S))


def quiet(label: str) -> contextlib.AbstractContextManager[Any]:
    """A region without measurement: only the first member marks regions."""
    return contextlib.nullcontext()


class Team(abc.ABC):
    """The members of a workload, seen from the first process.

    `close` ends the other processes of the node. If the first process dies, the other processes die
    too.
    """

    def __init__(self) -> None:
        self._processes: list[BaseProcess] = []
        self._joined = False  # whether this process is in a process group

    @abc.abstractmethod
    def _send(self, command: Command | None) -> None:
        """Send a command to the other members. None ends the members."""

    def command(self, name: str, *arguments: object) -> None:
        """Let the other members call a method. The caller does so for the first member.

        Raises RuntimeError if a process of the node has ended.
        """
        ended = "another process of this workload has ended; see above for its error message"
        if any(not process.is_alive() for process in self._processes):
            raise RuntimeError(ended)
        try:
            self._send((name, arguments))
        except OSError as error:
            raise RuntimeError(ended) from error

    def close(self) -> None:
        """End the other processes of the node and leave the process group."""
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
    """The place where a member other than the first receives commands and reports completion."""

    def receive(self) -> Command | None:
        """Wait for the next command. None: the first process closes the team."""

    def done(self, name: str) -> None:
        """Report that the member has carried out the command `name`."""


def carry_out(inbox: Inbox, member: object) -> None:
    """Carry out the commands of the first process until the first process closes the team."""
    while (command := inbox.receive()) is not None:
        name, arguments = command
        getattr(member, name)(*arguments)
        inbox.done(name)


def start_processes(
    serve: Callable[..., None],
    arguments: Sequence[tuple[object, ...]],
    places: Sequence[tuple[int, ...]],
) -> list[BaseProcess]:
    """Start a process for every tuple of `arguments`; the process calls `serve` with the tuple.

    `places`: the CPUs of every process, in the order of `arguments`; if empty, processes are not
    bound to CPUs. `serve`: a function that a new interpreter can import.
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
    """Enter the process group of `world` processes as number `rank`, and select the device.

    The members meet at `store`, a torch.distributed.Store. `timeout_s` limits the joining and every
    later exchange.
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
    """The GPUs of the node's processes. `ranks`: the setting `ranks`, 0 if not set.

    A device without a number stands for all GPUs of the node. Raises BadInput for more processes
    than GPUs.
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
    """An error as a line of text, for the person who started the run."""
    return f"{type(error).__name__}: {error}"
