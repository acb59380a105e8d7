"""What one process of pytest tells about the energies of its tests, as one side of a comparison.

Written by the plugin with --benchmark-energy-side, read by `energybench ab` of the same version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from energybench.gating.records import Record
from energybench.model import Noun
from energybench.store import durable, strict

SCHEMA: Literal["energybench-side/1"] = "energybench-side/1"


class SideReport(Noun, frozen=True, kw_only=True):
    """One process.

    tests           records of the tests that passed, each once
    failed          tests that failed, with or without a fixture whose energy is measured
    unmeasured      energy tests without energy, each with the reason
    max_j, max_regression
                    limits that markers state, by test
    imported        packages and modules of the project that the tests imported, each with its file
    off             why nothing is measured; None: tests are measured
    more_s          of a rehearsal: how much longer it takes to measure all windows, s
    """

    schema: Literal["energybench-side/1"]
    tests: tuple[Record, ...] = ()
    failed: tuple[str, ...] = ()
    unmeasured: dict[str, str] = {}
    max_j: dict[str, float] = {}
    max_regression: dict[str, float] = {}
    imported: dict[str, str] = {}
    off: str | None = None
    more_s: float = 0.0

    def of(self, name: str) -> Record | None:
        """The record of a test; None: it was not measured."""
        return next((one for one in self.tests if one.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """All energy tests."""
        return tuple(dict.fromkeys((*(one.name for one in self.tests), *self.unmeasured)))


def write(report: SideReport, path: Path) -> None:
    durable.replace_file(path, msgspec.json.encode(report) + b"\n")


def read(path: Path) -> SideReport | None:
    """The report; None: the process did not write one. Raises BadInput."""
    if not path.exists():
        return None
    return strict.convert(strict.load(path), SideReport, str(path))
