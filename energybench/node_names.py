"""Names of nodes in Slurm's short form, "cpu[1-2,07],gpu7" (scontrol(1), "show hostnames").

Slurm's own program does the same for one job (`cluster.slurm_programs.host_names`). A statement of
thousands of jobs cannot start a program for each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

MOST_NODES = 100_000  # of one job: more than any machine has
_ENTRY = re.compile(r"(?:[^,\[\]]|\[[^\[\]]*\])+")
_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


def expanded(short: str) -> tuple[str, ...]:
    """The names, in Slurm's order; empty if the text is no list of nodes ("None assigned").

    "cpu[08-10]" keeps its zeros, and "r[1-2]n[1-2]" is four nodes.
    """
    if not short or " " in short or _ENTRY.sub("", short).strip(","):
        return ()
    names: list[str] = []
    for entry in _ENTRY.findall(short):
        pieces = [_piece(match) for match in _PIECE.finditer(entry)]
        if not all(pieces):
            return ()
        names += itertools.islice(map("".join, itertools.product(*pieces)), MOST_NODES + 1)
        if len(names) > MOST_NODES:
            return ()
    return tuple(names)


def _piece(match: re.Match[str]) -> list[str]:
    """The alternatives of a piece of a name; empty if the piece has another form."""
    if match[2] is not None:
        return [match[2]]
    numbers: list[str] = []
    for span in match[1].split(","):
        bounds = _RANGE.fullmatch(span)
        if bounds is None:
            return []
        numbers += itertools.islice(_numbers(bounds[1], bounds[2] or bounds[1]), MOST_NODES + 1)
    return numbers


def _numbers(first: str, last: str) -> Iterator[str]:
    return (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
