"""Known faults of Slurm's energy accounting by version, from data/slurm_bugs.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

Numbers = tuple[int, int, int]


class SlurmBug(NamedTuple):
    """A fault of some versions.

    first     first version with the fault; None: not known
    fixed     first version without the fault, for each line of versions; empty: not mended so far
    plug_ins  whose energy is wrong; empty: of every plug-in
    contain   True: only with PrologFlags=Contain
    shows     "blank", "0", "above-limit" or "differs"
    """

    name: str
    first: Numbers | None
    fixed: tuple[Numbers, ...]
    plug_ins: tuple[str, ...]
    contain: bool
    shows: tuple[str, ...]
    effect: str
    source: str

    def concerns(self, version: Numbers, plug_ins: Collection[str], contain: bool) -> bool:
        """Whether a cluster may have the fault."""
        if self.plug_ins and not set(self.plug_ins) & set(plug_ins):
            return False
        if self.contain and not contain:
            return False
        if self.first is not None and version < self.first:
            return False
        own_line = [mended for mended in self.fixed if mended[:2] == version[:2]]
        if own_line:
            return version < own_line[0]
        return not self.fixed or version < max(self.fixed)


def of_version(version: Numbers, plug_ins: Collection[str], contain: bool) -> tuple[SlurmBug, ...]:
    """The faults that a cluster of this version may have."""
    return tuple(bug for bug in bugs() if bug.concerns(version, plug_ins, contain))


@cache
def bugs() -> tuple[SlurmBug, ...]:
    text = files(__package__).joinpath("slurm_bugs.toml").read_text("utf-8")
    return tuple(_bug(row) for row in tomllib.loads(text)["bug"])


def _bug(row: dict[str, Any]) -> SlurmBug:
    return SlurmBug(
        name=row["name"],
        first=_numbers(row["first"]) if "first" in row else None,
        fixed=tuple(_numbers(text) for text in row["fixed"]),
        plug_ins=tuple(row["plug_ins"]),
        contain=row.get("contain", False),
        shows=tuple(row["shows"]),
        effect=row["effect"],
        source=row["source"],
    )


def _numbers(text: str) -> Numbers:
    numbers = [int(word) for word in re.findall(r"\d+", text)]
    year, month, patch = (*numbers, 0)[:3]
    return year, month, patch
