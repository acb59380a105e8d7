"""A side of a comparison as a person names it: a file of records, a history, or a store of runs."""

from __future__ import annotations

import warnings
from pathlib import Path

from energybench.errors import BadInput
from energybench.gating.history import History
from energybench.gating.record_files import read_session
from energybench.gating.records import Record, record
from energybench.store import layout, reader


def read_side(path: Path) -> dict[str, tuple[Record, ...]]:
    """The records of each test, the oldest first.

    Of a file: its records. Of a folder: the sessions of a history, or the runs of a store by their
    labels; each run is a session of its own. Raises BadInput.
    """
    if not path.is_dir():
        return _by_name(read_session(path).tests)
    runs = layout.runs(path)
    if runs:
        measurements = [reader.read_run(run) for run in runs]
        measurements.sort(key=lambda measurement: measurement.host.started_utc or "")
        return _by_name([record(one, session=one.id) for one in measurements])
    history = History(path)
    sessions = history.sessions()
    for later in history.later_fields:
        warnings.warn(later, stacklevel=2)
    if not sessions and history.faults:
        raise history.faults[0]
    if not sessions:
        raise BadInput(
            str(path),
            "holds neither sessions of tests nor runs",
            "name a file of records, a history (.energybench) or a store of runs (results)",
        )
    return _by_name([test for session in sessions for test in session.tests])


def _by_name(records: list[Record] | tuple[Record, ...]) -> dict[str, tuple[Record, ...]]:
    tests: dict[str, tuple[Record, ...]] = {}
    for one in records:
        tests[one.name] = (*tests.get(one.name, ()), one)
    return tests
