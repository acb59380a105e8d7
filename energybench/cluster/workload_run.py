"""A workload on several nodes, with an `energybench run` on each node: all nodes measure, and the
first node leads and merges the parts.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from energybench import __version__
from energybench.cluster.following_bench import FirstNode, FollowingBench
from energybench.cluster.meeting import (
    Connection,
    Hello,
    awaited,
    connect,
    free_port,
    gather,
    node_environment,
)
from energybench.cluster.other_nodes import OtherNodes
from energybench.errors import BadInput, StorageFailed
from energybench.launch import job, node_name
from energybench.measuring.child import WorkFailed
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.host import describe
from energybench.measuring.plan import Plan, Progress, Request
from energybench.measuring.run_outcome import RunOutcome
from energybench.measuring.session import ranges
from energybench.measuring.signals import Signals
from energybench.measuring.workload import run_workload
from energybench.meeting_place import MeetingPlace
from energybench.model import Job, Measurement
from energybench.own_step import own_environment
from energybench.store.job_files import JobWriter
from energybench.store.job_header import JobHeader, new_job_id, of_earlier_starts
from energybench.store.job_parts import node_folder
from energybench.units import counted

_BEGIN_PATIENCE_S = 300.0  # for the other nodes, and the job's directory
_DONE_PATIENCE_S = 120.0  # for the merging of all parts


def run_on_all_nodes(
    request: Request, plan: Plan, place: MeetingPlace, signals: Signals, progress: Progress
) -> RunOutcome:
    """Run and measure a workload on all nodes of a launch with one task a node. The result on the
    first node covers all nodes; the result on another node covers only that node's part.

    Raises BadInput, StorageFailed, and WorkFailed if the work failed before the first repeat was
    complete.
    """
    hello = Hello(node_name(os.environ), _options(request, plan))
    if place.node > 0:
        return _follow(request, plan, place, hello, signals)
    progress(f"waiting for {counted(place.nodes - 1, 'other node')}", None)
    return _lead(request, plan, gather(place, hello, signals), place, hello, signals, progress)


def _options(request: Request, plan: Plan) -> str:
    """The options that have to be equal on all nodes."""
    own = (
        __version__,
        request.workload,
        request.size,
        request.device,
        sorted(request.settings.items()),
        request.repeats,
        request.target_rel,
        request.max_repeats,
        request.min_window_s,
        request.max_warm_up_s,
        plan.boundary,
        plan.idle_s,
    )
    return msgspec.json.encode(own).decode()


def _lead(
    request: Request,
    plan: Plan,
    connections: list[Connection],
    place: MeetingPlace,
    hello: Hello,
    signals: Signals,
    progress: Progress,
) -> RunOutcome:
    port = free_port()
    others = OtherNodes(connections, node_environment(place, "127.0.0.1", port))
    names = (hello.name, *(one.name for one in connections))
    code = 2
    try:
        with JobWriter(plan.store.absolute(), _header(plan, names)) as writer:
            others.tell("", do="begin", folder=str(writer.directory), port=port)
            part = _part_of(plan, writer.directory, hello.name)
            try:
                outcome = run_workload(request, part, signals, progress, others)
            except (BadInput, StorageFailed, WorkFailed):
                code = 1
                others.finish()
                writer.discard()
                raise
            progress("waiting for the results of the other nodes", None)
            reasons = others.finish()
            directory, measurement = _merged(writer, others, reasons)
        code = outcome.code or (1 if measurement.failed_checks else 0)
    finally:
        others.done(code)
    return RunOutcome(directory=directory, measurement=measurement, code=code)


def _merged(
    writer: JobWriter, others: OtherNodes, reasons: dict[str, str]
) -> tuple[Path, Measurement]:
    """The result of all nodes. Raises BadInput, and StorageFailed."""
    try:
        return writer.finish(reasons, ranges(), have_ended=others.have_ended)
    except ValueError as error:
        raise BadInput(str(writer.directory), str(error), "the nodes' parts stay there") from None


def _header(plan: Plan, names: tuple[str, ...]) -> JobHeader:
    own = job(own_environment()) or Job(launcher="torchrun", nodes=len(names))
    return JobHeader(
        id=new_job_id(plan.label, own),
        label=plan.label,
        command=None,
        boundary=plan.boundary,
        repeats=plan.repeats,
        job=own,
        nodes=names,
        host=describe(MonotonicClock(), plan.root),
        pid=os.getpid(),
        pid_started=None,
        boot_id=None,
        doubts=of_earlier_starts(own),
        workload=plan.workload,
    )


def _part_of(plan: Plan, folder: Path, name: str) -> Plan:
    """The plan of a node's part."""
    return replace(plan, store=folder, run_id=node_folder(name), part_of_job=True)


def _follow(
    request: Request, plan: Plan, place: MeetingPlace, hello: Hello, signals: Signals
) -> RunOutcome:
    connection = connect(place, hello, signals)
    try:
        begin = awaited(connection, time.monotonic() + _BEGIN_PATIENCE_S, signals)
        if begin is None:
            raise WorkFailed("the first node has ended the run")
        if begin["do"] == "refused":
            raise BadInput(*begin["what"])
        environment = node_environment(place, connection.address, begin["port"])
        first = FirstNode(connection, place.nodes, environment)
        part = _part_of(plan, Path(begin["folder"]), hello.name)
        try:
            outcome = _followed(request, part, first, signals)
        except (BadInput, StorageFailed) as error:
            first.tell("failed", what=str(error))
            first.tell("finished", why=str(error))
            raise
        first.tell("finished", why="" if outcome is not None else "nothing was measured there")
        done = awaited(connection, time.monotonic() + _DONE_PATIENCE_S, None)
        code = done["code"] if done is not None and done["do"] == "done" else 1
    finally:
        connection.close()
    if outcome is None:
        raise WorkFailed("nothing was measured on this node; see the first node's output")
    return replace(outcome, code=code, part=True)


def _followed(
    request: Request, part: Plan, first: FirstNode, signals: Signals
) -> RunOutcome | None:
    with FollowingBench(part, request, signals, lambda text, share: None, peers=first) as bench:
        return bench.follow()
