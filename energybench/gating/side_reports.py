"""The report of a pytest process on the energies of its tests. The process runs one side of a
comparison.

The plugin writes the report with --benchmark-energy-side, and `energybench ab` of the same version
reads the report.
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
    """The report of a pytest process.

    tests           records of the tests that passed, without repetitions
    failed          tests that failed, with or without a fixture that measures energy
    unmeasured      reasons why energy tests have no energy, by test
    max_j, max_regression
                    limits that markers state, by test
    marker_faults   lines about markers that cannot be read
    imported        files of the project's packages and modules that the tests imported, by name
    off             why nothing is measured; None: tests are measured
    more_s          additional time that a measurement of every window takes after a rehearsal, s
    """

    schema: Literal["energybench-side/1"]
    tests: tuple[Record, ...] = ()
    failed: tuple[str, ...] = ()
    unmeasured: dict[str, str] = {}
    max_j: dict[str, float] = {}
    max_regression: dict[str, float] = {}
    marker_faults: tuple[str, ...] = ()
    imported: dict[str, str] = {}
    off: str | None = None
    more_s: float = 0.0

    def of(self, name: str) -> Record | None:
        """The record of a test; None: the test was not measured."""
        return next((one for one in self.tests if one.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the measured and the unmeasured energy tests."""
        return tuple(dict.fromkeys((*(one.name for one in self.tests), *self.unmeasured)))


def write(report: SideReport, path: Path) -> None:
    durable.replace_file(path, msgspec.json.encode(report) + b"\n")


def read(path: Path) -> SideReport | None:
    """The report; None: the process did not write one. Raises BadInput."""
    if not path.exists():
        return None
    return strict.convert(strict.load(path), SideReport, str(path))
