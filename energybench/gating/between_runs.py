"""The scatter of a test's energy between runs, from `energybench ab --same` on this machine.

A single saved run does not show the scatter between processes. A figure for the scatter is
therefore added to either side. A figure measured on this machine with the sensors of the test is
better than the assumed figure. Measurements are kept in a folder, one file per measurement. Several
machines may share the folder, and the newest measurement of the machine at hand counts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from energybench.analysis.measurement.profiles import age_days
from energybench.errors import BadInput, StorageFailed, UnknownFields
from energybench.gating.change import BETWEEN_RUN_REL, between_run_rel
from energybench.gating.comparable import Common, common
from energybench.gating.history import FOLDER
from energybench.gating.records import Record
from energybench.model import Noun
from energybench.store import durable, strict, unknown_fields

SCHEMA: Literal["energybench-between-runs/1"] = "energybench-between-runs/1"
# Older measurements are not used: machines get new firmware, new neighbours, more dust.
LONGEST_DAYS = 90.0
_SUBFOLDER = "between-runs"
# Fewest processes of unchanged code for a scatter whose 5 % quantiles are approximately right.
LEAST_PROCESSES = 4


class BetweenRuns(Noun, frozen=True, kw_only=True):
    """A measurement of unchanged code in separate processes.

    scatter_rel  upper 95 % limit of the relative standard deviation between processes
    processes    number of processes
    example      the record of a process, for the machine, the sensors and the time
    """

    schema: Literal["energybench-between-runs/1"]
    scatter_rel: float
    processes: int
    example: Record


class RunScatter(NamedTuple):
    """The between-run effect of a comparison with one saved run.

    rel     relative standard deviation between runs
    source  source of the figure, in words: "assumed", "stated", "measured here on …"
    """

    rel: float
    source: str


ASSUMED = RunScatter(BETWEEN_RUN_REL, "assumed")


def from_same(tests: Sequence[Sequence[Record]]) -> BetweenRuns | None:
    """The scatter between processes of unchanged code; None if too few processes have a measured
    energy.

    tests  the records of every test, one record per process
    """
    measured = [
        [some for some in records if some.windows_j and some.quality != "estimated"]
        for records in tests
    ]
    measured = [records for records in measured if len(records) >= LEAST_PROCESSES]
    if not measured:
        return None
    scatter_rel = between_run_rel({str(i): records for i, records in enumerate(measured)})
    if not scatter_rel:
        return None
    return BetweenRuns(
        schema=SCHEMA,
        scatter_rel=scatter_rel,
        processes=max(map(len, measured)),
        example=measured[0][-1],
    )


def keep(measured: BetweenRuns, folder: Path = FOLDER) -> Path:
    """Write a measurement into the folder. Raises StorageFailed."""
    time = re.sub(r"[^0-9TZ]", "", measured.example.time_utc.replace("+00:00", "Z")) or "0"
    content = msgspec.json.encode(measured) + b"\n"
    name = f"{time}-{hashlib.blake2b(content, digest_size=6).hexdigest()}.json"
    path = folder / _SUBFOLDER / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.replace_file(path, content)
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror}") from None
    return path


class KeptScatter:
    """The measurements of a folder. The constructor reads no file.

    refusals      lines about measurements that were not used, after `of`
    later_fields  files with fields of a later version, which were passed over, after `of`
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder / _SUBFOLDER
        self._measured: list[BetweenRuns] | None = None
        self.refusals: dict[str, None] = {}  # an ordered set
        self.later_fields: list[UnknownFields] = []

    def of(self, candidate: Record) -> RunScatter:
        """The between-run effect for a run, from the newest measurement of the run's machine and
        sensors. Without a measurement, or if the measurement is too old, the effect is assumed.
        """
        first_refusal = None
        for measured in self.read():
            day = measured.example.time_utc[:10]
            refusal = _refusal(measured, candidate)
            if refusal is None:
                return RunScatter(measured.scatter_rel, f"measured here on {day}")
            first_refusal = first_refusal or (
                f"the scatter between runs measured on {day} is not used: {refusal}"
            )
        if first_refusal is not None:
            self.refusals[first_refusal] = None
        return ASSUMED

    def read(self) -> list[BetweenRuns]:
        """The measurements, the newest first. The files are read only once."""
        if self._measured is None:
            self._measured = self._from_files()
        return self._measured

    def _from_files(self) -> list[BetweenRuns]:
        """Read the files. A broken file is skipped with a refusal."""
        measured = []
        for path in sorted(self._folder.glob("*.json"), reverse=True):
            try:
                content = strict.load(path)
                one, later = unknown_fields.known(content, BetweenRuns, str(path))
            except BadInput as error:
                self.refusals[f"{error.where}: {error.what}"] = None
                continue
            measured.append(one)
            if later is not None:
                self.later_fields.append(later)
        return measured


def _refusal(measured: BetweenRuns, candidate: Record) -> str | None:
    """Why a measurement is not valid for a run; None: the measurement is valid."""
    agreed = common(measured.example, candidate)
    if not isinstance(agreed, Common):
        return agreed.reason.replace("the baseline", "it")
    age = age_days(measured.example.time_utc, candidate.time_utc)
    if age is not None and age > LONGEST_DAYS:
        return f"it is {age:.0f} days old: energybench ab --same measures it anew"
    return None
