"""A workload that ran on several nodes: the head node's own result states repeats and work, and
every node's result holds an equal share of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from energybench.analysis.measurement.node_table import NodePart
from energybench.model import (
    REPEAT,
    CutBy,
    Doubt,
    Measurement,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)

# Doubts of the head node's own result about the work of all nodes.
_OF_ALL_NODES = frozenset({"interrupted"})


class Statement(NamedTuple):
    """The head node's own statements about the work of all nodes."""

    workload: WorkloadRef | None = None
    windows: tuple[Window, ...] = ()
    works: tuple[Work | None, ...] = ()
    verification: tuple[Verification, ...] = ()
    kept: WorkRecord | None = None
    doubts: tuple[Doubt, ...] = ()


def statement(nodes: Sequence[NodePart]) -> Statement:
    """The statement of the first node with a result; the head node comes first."""
    results = [part.measurement for part in nodes if part.measurement is not None]
    if not results:
        return Statement()
    head = results[0]
    return Statement(
        workload=head.workload,
        windows=tuple(_windows(head)),
        works=tuple(
            multiplied(repeat.work, len(nodes)) if repeat.work is not None else None
            for repeat in head.repeats
        ),
        verification=checks_of_nodes(results),
        kept=head.record,
        doubts=tuple(doubt for doubt in head.doubts if _is_of_all_nodes(doubt)),
    )


def _is_of_all_nodes(doubt: Doubt) -> bool:
    """Whether a doubt of the head node's own result is about the work of all nodes. A repeat left
    out beside whole repeats has no window here, and its doubt has a subject.
    """
    return doubt.code in _OF_ALL_NODES or (doubt.code == "cut-off" and bool(doubt.subject))


def _windows(head: Measurement) -> list[Window]:
    cut: CutBy | None = None
    if head.partial:
        interrupted = any(doubt.code == "interrupted" for doubt in head.doubts)
        cut = "signal" if interrupted else "no-end"
    return [
        Window(
            label=REPEAT,
            start_s=repeat.start_s,
            end_s=repeat.end_s,
            repeat=number,
            block=repeat.block,
            cut=cut,
        )
        for number, repeat in enumerate(head.repeats)
    ]


def checks_of_nodes(results: Sequence[Measurement]) -> tuple[Verification, ...]:
    """For every quantity, a failed check of any node, else the check of the first node."""
    worst: dict[str, Verification] = {}
    for result in results:
        for check in result.verification:
            if check.quantity not in worst or worst[check.quantity].passed > check.passed:
                worst[check.quantity] = check
    return tuple(worst.values())


def multiplied(work: Work, factor: float) -> Work:
    """A multiple or a share of a piece of work."""
    return msgspec.structs.replace(
        work,
        amount=work.amount * factor,
        flops=work.flops * factor if work.flops is not None else None,
        bytes=work.bytes * factor if work.bytes is not None else None,
    )
