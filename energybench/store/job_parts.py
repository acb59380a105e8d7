"""The parts in a job's directory (the nodes' own runs), and all other entries of the directory.

A part counts if it belongs to this job, to this start of the job, to a node of the job, and to the
same commands. Any other entry is left out and named, and never costs the result of the counted
parts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput
from energybench.model import Doubt, Host, Job, Measurement, Window
from energybench.store import part_files
from energybench.store.layout import (
    ATTACHED,
    HEADER,
    JOB,
    NODE,
    PARTIAL,
    RUN,
    WINDOWS,
    recover_command,
)
from energybench.store.run import read_header
from energybench.units import counted

CLOCKS = "clocks.json"  # error of each node's clock against the head node's clock
OFFSETS = "offsets.json"  # each node's clock less the head node's clock, as last compared
SILENT = "silent.json"  # nodes without a result, with the reason known to the head node
OWN_FILES = (RUN, JOB, WINDOWS, CLOCKS, OFFSETS, SILENT)  # of a job, beside its parts
# Allowed difference of a repeat's duration on two clocks: crystals differ by some 1e-4, and a
# reader that learnt of the edges only from messages is late by some tenths of a second.
_SAME_TIME_REL, _SAME_TIME_S = 0.01, 1.0
_MOST_DOUBTS = 20  # entries and clocks with a doubt of their own
_CLOCKS_APART_S = 5.0  # synchronised clocks agree to milliseconds


class LeftOut(NamedTuple):
    """An entry of the directory that does not count, and the reason."""

    name: str
    why: str


class Parts(NamedTuple):
    """Parts in a job's directory.

    by_folder  counted parts, by the name of their directory
    left_out   entries that do not count
    """

    by_folder: dict[str, Measurement]
    left_out: tuple[LeftOut, ...]

    def why(self, folder: str) -> str:
        """Reason why the part of this name does not count; "" if no entry of this name was left
        out.
        """
        return next((entry.why for entry in self.left_out if entry.name == folder), "")


class HeadNode(NamedTuple):
    """The head node's record of the job.

    nodes    names of the job's nodes
    host     the head node, whose clock states the windows
    repeats  windows of the completed repeats
    """

    job: Job
    nodes: tuple[str, ...]
    host: Host
    repeats: tuple[Window, ...]


def node_folder(node: str) -> str:
    """Name of the directory of a node's own run."""
    return NODE + re.sub(r"[^A-Za-z0-9.-]+", "_", node)


def find_parts(
    directory: Path, head: HeadNode, ranges: Ranges | None = None, jobs: int = 1
) -> Parts:
    """The parts in a job's directory.

    ranges  analyse each part again from its samples, in memory, with these ranges of parts without
            a sensor; None: use the results that the nodes wrote
    jobs    processes to read with
    """
    folders, left_out = _entries(directory)
    by_folder: dict[str, Measurement] = {}
    for folder, part in zip(
        folders, part_files.read_all(directory, folders, ranges, jobs), strict=True
    ):
        why = part if isinstance(part, str) else _foreign(part, head)
        if why or isinstance(part, str):
            left_out.append(LeftOut(folder, why))
        else:
            by_folder[folder] = part
    left_out += _again(by_folder, head)
    left_out += _of_other_nodes(by_folder, head)
    return Parts(by_folder, tuple(sorted(left_out)))


def doubts(parts: Parts, head: HeadNode) -> list[Doubt]:
    """Doubts about left-out entries and about clocks that are apart."""
    remedy = "move it out of the directory, then: energybench collect"
    left_out = [
        Doubt(
            code="part-left-out",
            message=f"{entry.name} in the job's directory is not counted: {entry.why}",
            remedy=remedy,
            subject=entry.name,
        )
        for entry in parts.left_out[:_MOST_DOUBTS]
    ]
    if more := [entry.name for entry in parts.left_out[_MOST_DOUBTS:]]:
        names = ", ".join(more[:_MOST_DOUBTS])
        left_out.append(
            Doubt(
                code="part-left-out",
                message=f"{counted(len(more), 'more entry', 'more entries')} of the job's "
                "directory: "
                f"not counted: {names}" + (" and others" if len(more) > _MOST_DOUBTS else ""),
                remedy=remedy,
            )
        )
    return [*left_out, *_clocks_apart(parts, head)]


def _clocks_apart(parts: Parts, head: HeadNode) -> list[Doubt]:
    """A doubt for each of the first nodes with a clock that is apart; the first doubt states the
    number of nodes.
    """
    apart_s = {
        folder: seconds
        for folder, part in parts.by_folder.items()
        if (seconds := _clocks_apart_s(part, head)) is not None and abs(seconds) > _CLOCKS_APART_S
    }
    number = f" (one of {len(apart_s)} nodes)" if len(apart_s) > _MOST_DOUBTS else ""
    return [
        Doubt(
            code="node-clock",
            message=f"{folder}{number}: by its own time of day its first repeat began "
            f"{abs(seconds):.3g} s {'later' if seconds > 0 else 'earlier'} than by the head node's",
            remedy="synchronise the clocks of the nodes (NTP, chrony)",
            subject=folder,
        )
        for folder, seconds in list(apart_s.items())[:_MOST_DOUBTS]
    ]


# ---------------------------------------------------------------- entries of the directory


def _entries(directory: Path) -> tuple[list[str], list[LeftOut]]:
    """Names of the directories of parts, and files that do not belong to a job."""
    folders: list[str] = []
    left_out: list[LeftOut] = []
    for entry in sorted(directory.iterdir()):
        if entry.name in OWN_FILES or entry.name.startswith(".") or _attached(entry):
            continue
        if not entry.name.startswith(NODE):
            left_out.append(LeftOut(entry.name, "it does not belong to the directory of a job"))
        elif not entry.is_dir():
            left_out.append(LeftOut(entry.name, "it is not the directory of a part"))
        elif not (entry / RUN).is_file():
            left_out.append(LeftOut(entry.name, _without_end(entry)))
        else:
            folders.append(entry.name)
    return folders, left_out


def _attached(entry: Path) -> bool:
    """Whether an entry is the copy of a part with a meter attached."""
    base = entry.name.removesuffix(ATTACHED)
    return base != entry.name and entry.with_name(base).is_dir()


def _without_end(part: Path) -> str:
    if (part / HEADER).is_file():
        return f"its reader ended before it could write its result ({recover_command(part)})"
    return f"it has no {RUN}"


# ---------------------------------------------------------------- parts that do not count


def _foreign(part: Measurement, head: HeadNode) -> str:
    """Reason why a readable part does not belong to this job; "" if the part belongs."""
    job, own = part.job, head.job
    if job is None or (job.cluster, job.id) != (own.cluster, own.id):
        return f"it is a part of {job.key if job is not None else 'no job'}, not of {own.key}"
    if job.restart != own.restart:
        return f"it is a part of start {job.restart + 1} of the job, not of start {own.restart + 1}"
    if part.host.name == head.host.name and _boots_differ(part.host, head.host):
        return "the node was started again between this part and the head node's record"
    return _of_other_commands(part, head.repeats)


def _boots_differ(first: Host, second: Host) -> bool:
    boots = [_boot(first), _boot(second)]
    return None not in boots and boots[0] != boots[1]


def _boot(host: Host) -> str | None:
    return next((name for name in host.ids if name.startswith("boot:")), None)


def _of_other_commands(part: Measurement, repeats: Sequence[Window]) -> str:
    """Whether the part's repeats belong to another command of the same job."""
    if part.partial or not repeats or any(window.cut is not None for window in repeats):
        return ""
    if len(part.repeats) > len(repeats):
        return f"it has {counted(len(part.repeats), 'repeat')}, and the job {len(repeats)}"
    for number, (own, window) in enumerate(zip(part.repeats, repeats, strict=False), 1):
        if not math.isclose(
            own.time_s, window.duration_s, rel_tol=_SAME_TIME_REL, abs_tol=_SAME_TIME_S
        ):
            return (
                f"its repeat {number} lasted {own.time_s:.4g} s, and that of the job "
                f"{window.duration_s:.4g} s: it is a part of another command"
            )
    return ""


def _again(by_folder: dict[str, Measurement], head: HeadNode) -> list[LeftOut]:
    """Remove and name second parts of a node. The part under the node's own name counts, else the
    first part.
    """
    named = {node_folder(node) for node in head.nodes}
    ordered = sorted(by_folder, key=lambda folder: (folder not in named, folder))
    by_boot: dict[str, str] = {}
    by_name: dict[str, list[str]] = {}
    left_out = []
    for folder in ordered:
        host = by_folder[folder].host
        boot = _boot(host)
        first = by_boot.get(boot) if boot is not None else None
        why = f"it is a second part of the node of {first}"
        if first is None:
            alike = by_name.get(host.name, [])
            first = next((n for n in alike if host.same_machine(by_folder[n].host)), None)
            why = f"it is a part of the node of {first}, from another boot"
            if first is not None and not _boots_differ(host, by_folder[first].host):
                why = f"it is a second part of the node of {first}"
        if first is not None:
            left_out.append(LeftOut(folder, why))
            continue
        if boot is not None:
            by_boot[boot] = folder
        by_name.setdefault(host.name, []).append(folder)
    for entry in left_out:
        del by_folder[entry.name]
    return left_out


def _of_other_nodes(by_folder: dict[str, Measurement], head: HeadNode) -> list[LeftOut]:
    """Remove parts of nodes outside the job. If none of the names occurs, the names of the job's
    nodes were unknown, and the parts supply the names.
    """
    named = {node_folder(node) for node in head.nodes}
    if not named & set(by_folder):
        return []
    left_out = [
        LeftOut(folder, "the job held no node of this name")
        for folder in by_folder
        if folder not in named
    ]
    for entry in left_out:
        del by_folder[entry.name]
    return left_out


def _clocks_apart_s(part: Measurement, head: HeadNode) -> float | None:
    """Start of the part's first repeat by the part's time of day, less its start by the head
    node's.

    None if a time of day is unknown, or if a first repeat is not whole.
    """
    if part.partial or not part.repeats or not head.repeats:
        return None
    zeros_s = [part_files.zero_s(host) for host in (part.host, head.host)]
    if zeros_s[0] is None or zeros_s[1] is None:
        return None
    return (part.repeats[0].start_s + zeros_s[0]) - (head.repeats[0].start_s + zeros_s[1])


def host_of_unfinished(directory: Path, folder: str) -> Host | None:
    """The node of an unfinished part, from the header of the part; None without a header."""
    try:
        return read_header(directory / (PARTIAL + folder)).host
    except BadInput:
        return None


def unfinished(directory: Path, folder: str) -> str:
    """Reason why a node has no part, from the node's unfinished part; "" without an unfinished
    part.
    """
    begun = directory / (PARTIAL + folder)
    if not begun.is_dir():
        return ""
    return f"its reader ended before it could write its result ({begun.name}: energybench recover)"
