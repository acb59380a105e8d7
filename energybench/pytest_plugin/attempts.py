"""Attempts at a test: plug-ins run a failed test again, or run every test several times, under a
common node id. An attempt has energies and an outcome of its own.

An attempt begins with the set-up of the test. The reports of an attempt carry the attempt's name,
because reports come from several workers. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from energybench.pytest_plugin.record import Record

if TYPE_CHECKING:
    from energybench.gating.benchmark_file import Written

# Names of the records, and of the attempt, in reports.
RECORDS, _ATTEMPT = "energybench", "energybench_attempt"
_OUTCOMES = ("passed", "failed", "skipped")  # of pytest itself
_FAILED, _NOT_PASSED = "the test failed", "the test did not pass"
_RUN_AGAIN = "this attempt did not pass, and the test ran again"

_attempt = pytest.StashKey[str]()
_taken = pytest.StashKey[list[Record]]()
_properties = pytest.StashKey[list[tuple[str, object]]]()


class Attempts:
    """The attempts of a session: energies and outcomes.

    worker  name of the worker of xdist; "": none
    """

    def __init__(self, worker: str = "") -> None:
        self._names = (f"{worker} {number}" for number in count(1))
        self._last: dict[str, str] = {}  # attempt at a test, by node id
        self._written: list[tuple[str, str, dict[str, Any], str]] = []
        self._waiting: list[tuple[str, str, Any, str]] = []  # documents, with their fixtures
        self._documents: set[str] = set()
        self._no_baseline: dict[tuple[str, str], str] = {}  # by node id and attempt
        self._records: list[tuple[str, Record]] = []  # name of the attempt, record
        # by node id and attempt; a report without an attempt has "", for every attempt at the test
        self._passed: set[tuple[str, str]] = set()
        self._unpassed: dict[tuple[str, str], str] = {}

    # ------------------------------------------------------------ while a test runs

    def begin(self, item: pytest.Item) -> None:
        """Begin a new attempt, without the records and properties of the previous attempt."""
        self.publish(item)
        item.stash[_attempt] = self._last[item.nodeid] = next(self._names)
        item.stash[_taken] = []
        earlier = {id(entry) for entry in item.stash.get(_properties, [])}
        item.user_properties[:] = [one for one in item.user_properties if id(one) not in earlier]
        item.stash[_properties] = []

    def labels(self, item: pytest.Item) -> set[str]:
        """Labels of the fixture's uses in the current attempt."""
        return {record["label"] for record in item.stash.get(_taken, [])}

    def take(self, item: pytest.Item, record: Record) -> None:
        """Take the complete record of a use. Publishing turns the energies into properties."""
        from energybench.gating.benchmark_file import marked_scalars

        item.stash.setdefault(_taken, []).append(record)
        prefix = f"{record['label']}." if record["label"] else ""
        entries = [(prefix + name, value) for name, value in marked_scalars(record).items()]
        item.stash.setdefault(_properties, []).extend(entries)

    def write(
        self, item: pytest.Item, fixture: Any, document: str, no_baseline: str | None = None
    ) -> None:
        """Keep a document for the `extra_info` of pytest-benchmark's fixture until publishing.

        no_baseline  why the energy is not a baseline even if the test passes, in words
        """
        attempt = item.stash.get(_attempt, "")
        self._waiting.append((item.nodeid, attempt, fixture, document))
        if no_baseline is not None:
            self._no_baseline[item.nodeid, attempt] = no_baseline

    def publish(self, item: pytest.Item) -> None:
        """Publish the energies of an attempt after the calls of the test: while the test runs,
        `extra_info` and the properties hold only entries of the test.
        """
        self._publish_documents()
        known = {id(entry) for entry in item.user_properties}
        entries = item.stash.get(_properties, [])
        item.user_properties += [entry for entry in entries if id(entry) not in known]

    def _publish_documents(self) -> None:
        if not self._waiting:
            return
        from energybench.gating.benchmark_file import put

        waiting, self._waiting = self._waiting, []
        for test, attempt, fixture, document in waiting:
            put(fixture.extra_info, document, self._documents)
            self._documents.add(document)
            # the statistics keep the dictionary of the timing pass: the test may have set another
            of_entry = getattr(fixture.stats, "extra_info", fixture.extra_info)
            self._written.append((test, attempt, of_entry, document))

    def taken(self, item: pytest.Item) -> list[Record]:
        """Hand over the records since the last report, for the next report."""
        records, item.stash[_taken] = item.stash.get(_taken, []), []
        return records

    def stamp(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Write the name of the attempt into a report."""
        setattr(report, _ATTEMPT, item.stash.get(_attempt, ""))

    # ------------------------------------------------------------ reports

    def log(self, report: pytest.TestReport) -> None:
        """Records and outcome of a report, which a worker may have sent."""
        test, attempt = report.nodeid, getattr(report, _ATTEMPT, "")
        if str(report.outcome) not in _OUTCOMES:
            # "rerun", "retried": words of pytest plug-ins for a failure that does not count
            self._drop(test, attempt)
            return
        self._records += [(attempt, record) for record in getattr(report, RECORDS, [])]
        if report.failed:
            self._unpassed[test, attempt] = _FAILED
        elif report.when == "call" and report.passed:
            self._passed.add((test, attempt))
        elif report.when == "call":
            self._unpassed.setdefault((test, attempt), _NOT_PASSED)

    def _drop(self, test: str, attempt: str) -> None:
        """Forget the records of an attempt that does not count; if the attempt has no name, forget
        the records of every attempt at the test.
        """
        self._records = [
            (name, record)
            for name, record in self._records
            if record["test"] != test or attempt not in ("", name)
        ]
        if attempt:
            self._unpassed[test, attempt] = _RUN_AGAIN
        else:
            self._unpassed.pop((test, ""), None)

    # ------------------------------------------------------------ results

    @property
    def records(self) -> list[Record]:
        """The records of the attempts that count."""
        return [record for _, record in self._records]

    def mark_unpassed(self) -> None:
        """Mark the records of attempts that did not pass, with the reason."""
        for attempt, record in self._records:
            why = self._why_unpassed(record["test"], attempt)
            if why is not None:
                record["unpassed"] = why

    def _why_unpassed(self, test: str, attempt: str) -> str | None:
        """Why an attempt did not pass, in words; None: the attempt passed."""
        return self._unpassed.get((test, attempt)) or self._unpassed.get((test, ""))

    def written(self) -> Sequence[Written]:
        """The documents of every attempt, for pytest-benchmark's JSON."""
        from energybench.gating.benchmark_file import Written

        self._publish_documents()
        return [
            Written(test, extra_info, text, self._why_no_baseline(test, attempt))
            for test, attempt, extra_info, text in self._written
        ]

    def _why_no_baseline(self, test: str, attempt: str) -> str | None:
        """Why the energy of an attempt is not a baseline, in words; None: the energy is a baseline.

        Some plug-ins suppress the report of a failed attempt. An attempt that a later attempt
        follows therefore counts as passed only if a report says passed.
        """
        why = self._why_unpassed(test, attempt) or self._no_baseline.get((test, attempt))
        reported = not self._passed.isdisjoint({(test, attempt), (test, "")})
        if why is None and self._last.get(test, attempt) != attempt and not reported:
            return _RUN_AGAIN
        return why
