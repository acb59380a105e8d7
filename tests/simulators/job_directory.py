"""The directory of a job on several nodes, as `measure --nodes job` writes it, without a cluster.

Each node has counters of a package, its memory and any boards, constant power in and outside the
repeats, and a clock of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from energybench.measuring.session import ranges
from energybench.model import REPEAT, Channel, Gpu, Host, Job, Window
from energybench.plugins import Reading
from energybench.store.job_files import JobWriter
from energybench.store.job_header import JobHeader, new_job_id
from energybench.store.job_parts import node_folder
from energybench.store.run import Header
from energybench.store.writer import RunWriter
from tests.analysis.truth import channel, gain

BEGAN_UTC = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
JOB = Job(launcher="slurm", cluster="ebtest", id="71", nodes=2)
CLOCK_HALF_S = 0.0002
MEMORY_W = 20.0
MESSAGE_S = 0.02  # from the head node to another


class Node(NamedTuple):
    """One node.

    watts     power of the package outside the repeats, W, and `busy_w` in the repeats
    clock_s   time of the node's clock when the head node's clock shows 0
    wrong_s   error of the node's time of day
    ends_s    the reader's last sample, s after the first; None: after the last repeat
    finished  False: the node left nothing behind
    case      the run of a campaign that the node names
    gpus      boards at a third of the package's power each
    lost_in   the repeat in which the head node's messages ended: the node reads on until `ends_s`
    stored_s  the last sample that the storage took, s after the first; the short lines of the
              windows it took all the same; None: all samples
    """

    watts: float = 100.0
    busy_w: float = 300.0
    clock_s: float = 0.0
    wrong_s: float = 0.0
    ends_s: float | None = None
    finished: bool = True
    case: str | None = None
    gpus: int = 0
    cpu: str = "EPYC 7763"
    lost_in: int | None = None
    stored_s: float | None = None


def host(name: str, node: Node, boot: int = 1) -> Host:
    """The node's clock shows `clock_s` when the job begins."""
    began_utc = BEGAN_UTC + timedelta(seconds=node.wrong_s)
    return Host(
        name=name,
        ids=(f"boot:{name}-{boot}", f"machine:{name}"),
        cpu=node.cpu,
        sockets=1,
        memory_bytes=64 * 2**30,
        gpus=tuple(
            Gpu(uuid=f"GPU-{name}-{i}", name="A100", power_limit_max_w=400.0)
            for i in range(node.gpus)
        ),
        started_utc=began_utc.isoformat(),
        started_s=node.clock_s,
    )


def channels(name: str, node: Node) -> tuple[Channel, ...]:
    package = channel(
        collector="rapl",
        device="package-0",
        component="cpu.package",
        resolution=1e-6,
        update_period_s=0.001,
        gain=gain(0.01, f"gain:package-0@{name}"),
    )
    memory = channel(
        collector="rapl",
        device="package-0",
        component="cpu.dram",
        resolution=1e-6,
        update_period_s=0.001,
        gain=gain(0.01, f"gain:dram-0@{name}"),
    )
    boards = (
        channel(
            device=f"GPU-{name}-{i}",
            update_period_s=0.001,
            gain=gain(0.02, f"gain:GPU-{name}-{i}"),
        )
        for i in range(node.gpus)
    )
    return (package, memory, *boards)


def joules(node: Node, since_s: float, repeats: Sequence[tuple[float, float]]) -> float:
    """True energy of the package since the job's begin."""
    busy_s = sum(float(np.clip(since_s - start, 0, end - start)) for start, end in repeats)
    return node.watts * since_s + (node.busy_w - node.watts) * busy_s


def write_part(
    folder: Path,
    name: str,
    node: Node,
    repeats: Sequence[tuple[float, float]],
    job: Job = JOB,
    rate_hz: float = 10.0,
    directory: str | None = None,
    boot: int = 1,
    *,
    cut_off: bool = False,
) -> Path:
    """A node's own run in the folder of the job; the times are those of the head node's clock.

    cut_off  whether the reader is killed before it writes its result
    """
    header = Header(
        id=directory or node_folder(name),
        label="app",
        workload=None,
        command=("srun", "./app"),
        boundary="compute",
        host=host(name, node, boot),
        channels=channels(name, node),
        pid=1,
        pid_started=None,
        job=job,
        case=node.case,
    )
    last_s = repeats[-1][1] + 1.0 if node.ends_s is None else node.ends_s
    with RunWriter(folder, header) as writer:
        for i in range(int(last_s * rate_hz) + 1):
            since_s = i / rate_hz
            if node.stored_s is not None and since_s > node.stored_s:
                break
            energy_j = joules(node, since_s, repeats)
            t_s = since_s + node.clock_s
            readings = [
                Reading(int(energy_j * 1e6), t_s, 0),
                Reading(int(MEMORY_W * since_s * 1e6), t_s, 1),
            ]
            readings += [
                Reading(int(energy_j / 3 * 1e3), t_s, 2 + board) for board in range(node.gpus)
            ]
            writer.poll(readings, 0.001, False, 0)
        for number, (start_s, end_s) in enumerate(repeats):
            if node.lost_in is not None and number > node.lost_in:
                break
            arrived_s = MESSAGE_S if number == node.lost_in else 0.0
            writer.opening(REPEAT, start_s + arrived_s + node.clock_s, number)
            if number == node.lost_in:
                writer.window(
                    Window(
                        label=REPEAT,
                        start_s=start_s + arrived_s + node.clock_s,
                        end_s=last_s + node.clock_s,
                        repeat=number,
                        cut="caller-ended",
                    )
                )
            elif end_s <= last_s:
                writer.window(
                    Window(
                        label=REPEAT,
                        start_s=start_s + node.clock_s,
                        end_s=end_s + node.clock_s,
                        repeat=number,
                    )
                )
            elif start_s < last_s:
                writer.window(
                    Window(
                        label=REPEAT,
                        start_s=start_s + node.clock_s,
                        end_s=last_s + node.clock_s,
                        repeat=number,
                        cut="caller-ended",
                    )
                )
        if cut_off:
            writer.flush()
            return writer.directory
        return writer.finish(ranges())[0]


@contextmanager
def open_job(
    store: Path,
    nodes: Mapping[str, Node],
    repeats: Sequence[tuple[float, float]] = ((2.0, 7.0), (8.0, 13.0)),
    job: Job = JOB,
    planned: int | None = None,
    groups: tuple[int, ...] = (),
    command: tuple[str, ...] = ("srun", "./app"),
) -> Iterator[JobWriter]:
    """A job whose parts are written, and whose own result is not.

    planned  number of repeats that was asked for; None: all of these
    groups   component of a heterogeneous job with each node
    """
    first = next(iter(nodes))
    header = JobHeader(
        id=new_job_id("app", job),
        label="app",
        command=command,
        boundary="compute",
        repeats=planned or len(repeats),
        job=job,
        nodes=tuple(nodes),
        groups=groups,
        host=host(first, nodes[first]),
        pid=1,
        pid_started=None,
        boot_id=None,
    )
    with JobWriter(store, header) as writer:
        head_s = nodes[first].clock_s
        for name, node in nodes.items():
            if node.finished:
                write_part(writer.directory, name, node, repeats, job)
        for number, (start_s, end_s) in enumerate(repeats):
            writer.opening(start_s + head_s, number)
            writer.window(
                Window(label=REPEAT, start_s=start_s + head_s, end_s=end_s + head_s, repeat=number)
            )
        writer.clocks(
            {name: 0.0 if name == first else CLOCK_HALF_S for name in nodes},
            {name: node.clock_s - head_s for name, node in nodes.items()},
        )
        yield writer


def finished_job(
    store: Path,
    nodes: Mapping[str, Node],
    repeats: Sequence[tuple[float, float]] = ((2.0, 7.0), (8.0, 13.0)),
    job: Job = JOB,
    groups: tuple[int, ...] = (),
    command: tuple[str, ...] = ("srun", "./app"),
) -> Path:
    """The directory of a finished job."""
    with open_job(store, nodes, repeats, job, groups=groups, command=command) as writer:
        return writer.finish({}, ranges(), have_ended=True)[0]


def true_j(nodes: Mapping[str, Node], seconds: float) -> float:
    """Energy of all nodes in a repeat."""
    return sum((node.busy_w * (1 + node.gpus / 3) + MEMORY_W) * seconds for node in nodes.values())
