"""Doubts of a job: unread nodes, and the doubts of the nodes' own results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from energybench.analysis.measurement.node_peers import MOST_NODE_W
from energybench.model import Doubt, NodeShare
from energybench.units import counted

if TYPE_CHECKING:
    from energybench.analysis.measurement.node_table import NodePart, NodeTable

_MOST_NAMES = 8  # of nodes in a message
_REPEAT = "repeat the job"
# Doubts about the repeats of the whole job, which the job's own result states once, and about a
# part that is read without the job.
_OF_THE_JOB = frozenset(
    {
        "cut-off",
        "interrupted",
        "part-of-job",
        "signal-handled",
        "signal-passed-on",
        "single-repeat",
        "trend",
        "verification-failed",
    }
)


def of_nodes(
    nodes: Sequence[NodePart],
    tables: Sequence[NodeTable],
    shares: Sequence[NodeShare],
    *,
    measured: bool,
) -> list[Doubt]:
    """Doubts about missing and partial nodes, then the nodes' own doubts. Equal doubts of several
    nodes become a single doubt.

    measured  whether the energy of some node is known
    """
    return [*_not_read(nodes, tables, shares, measured=measured), *_own(nodes)]


def _not_read(
    nodes: Sequence[NodePart],
    tables: Sequence[NodeTable],
    shares: Sequence[NodeShare],
    *,
    measured: bool,
) -> list[Doubt]:
    """A doubt for each of a few nodes; one for many."""
    rows = list(zip(nodes, tables, shares, strict=True))
    missing = [
        _missing(part, table, share) if measured else _nothing(part, share)
        for part, table, share in rows
        if share.state == "missing"
    ]
    partial = [
        _partial(part, table, share) for part, table, share in rows if share.state == "partial"
    ]
    return [
        *(missing if len(missing) <= _MOST_NAMES else [_many(missing)]),
        *(partial if len(partial) <= _MOST_NAMES else [_many(partial)]),
        *_without_peers([part.node for part, table, _ in rows if table.is_open]),
    ]


def _without_peers(nodes: Sequence[str]) -> list[Doubt]:
    """A doubt about all nodes whose power nothing tells in the time without readings."""
    if not nodes:
        return []
    who = f"node {nodes[0]}" if len(nodes) == 1 else f"{len(nodes)} nodes ({first_names(nodes)})"
    return [
        Doubt(
            code="node-power-unknown",
            message=f"the power of {who} in the time without readings is not known: fewer than two "
            "nodes of the same component and kind were read. The energy of the job is open upward: "
            f"its interval ends at {MOST_NODE_W / 1000:.0f} kW a node, more than any node draws",
            remedy=_REPEAT,
            subject=nodes[0] if len(nodes) == 1 else "",
        )
    ]


def _missing(part: NodePart, table: NodeTable, share: NodeShare) -> Doubt:
    why = f": {part.why}" if part.why else ""
    nothing = "energy" if part.directory else "result"
    filled = "no other node of its component and kind tells its energy"
    if table.peers:
        nodes = counted(table.peers, "other node")
        filled = f"its energy is taken from the power of {nodes}, as if it were of their kind"
    return Doubt(
        code="node-missing",
        message=f"node {share.node} gave no {nothing}{why}; {filled}",
        remedy=part.remedy or _REPEAT,
        subject=share.node,
    )


def _nothing(part: NodePart, share: NodeShare) -> Doubt:
    """Of a node of a job whose energy is not known from any node."""
    why = f": {part.why}" if part.why else ""
    return Doubt(
        code="node-missing",
        message=f"node {share.node} gave no energy{why}; no node did, so that the energy of the "
        "job is not known",
        remedy=part.remedy or _REPEAT,
        subject=share.node,
    )


def _partial(part: NodePart, table: NodeTable, share: NodeShare) -> Doubt:
    why = f": {part.why}" if part.why else ""
    filled = "as much" if table.fills_own else "the mean power of its peers"
    return Doubt(
        code="node-partial",
        message=f"node {share.node} was read for {share.covered_s:.3g} of {share.window_s:.3g} "
        f"s{why}; in the rest of the time it is taken to have drawn {filled}",
        remedy=_REPEAT,
        subject=share.node,
    )


def _many(doubts: Sequence[Doubt]) -> Doubt:
    """One doubt for many nodes: their number, some names, and the words on the first."""
    first, names = doubts[0], first_names([doubt.subject for doubt in doubts])
    return msgspec.structs.replace(
        first, message=f"{len(doubts)} nodes ({names}); of the first: {first.message}", subject=""
    )


def _own(nodes: Sequence[NodePart]) -> list[Doubt]:
    """The doubts of the nodes' own results, with the nodes' names."""
    holders: dict[tuple[str, str, str], list[str]] = {}
    first: dict[tuple[str, str, str], Doubt] = {}
    for part in nodes:
        for doubt in part.measurement.doubts if part.measurement is not None else ():
            if doubt.code in _OF_THE_JOB:
                continue
            place = (doubt.code, doubt.message, doubt.remedy)
            holders.setdefault(place, []).append(part.node)
            first.setdefault(place, doubt)
    # a doubt for each code and wording; figures differ from node to node, and only the code decides
    # beyond a few nodes
    return [
        first[place].carried_from(first_names(names)) for place, names in _thinned(holders, first)
    ]


def _thinned(
    holders: dict[tuple[str, str, str], list[str]], first: dict[tuple[str, str, str], Doubt]
) -> Iterable[tuple[tuple[str, str, str], list[str]]]:
    """At most a few wordings of a code; the nodes of further wordings join the last wording."""
    by_code: dict[str, list[tuple[str, str, str]]] = {}
    for place in holders:
        by_code.setdefault(place[0], []).append(place)
    for places in by_code.values():
        shown, more = places[:_MOST_NAMES], places[_MOST_NAMES:]
        for place in shown[:-1]:
            yield place, holders[place]
        rest = [node for place in more for node in holders[place]]
        if rest:
            first[shown[-1]] = msgspec.structs.replace(
                first[shown[-1]],
                message=f"{first[shown[-1]].message} (and alike on the other nodes named)",
            )
        yield shown[-1], [*holders[shown[-1]], *rest]


def first_names(names: Sequence[str]) -> str:
    """'cpu1, cpu2', and the number of further nodes beyond a few."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) <= _MOST_NAMES:
        return ", ".join(distinct)
    return (
        f"{', '.join(distinct[:_MOST_NAMES])} and "
        f"{counted(len(distinct) - _MOST_NAMES, 'more node')}"
    )
