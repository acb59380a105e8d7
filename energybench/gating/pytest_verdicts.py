"""Verdicts on tests whose two sides were measured in pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from energybench.gating.compare import compare_pairs
from energybench.gating.records import Record
from energybench.gating.side_reports import SideReport
from energybench.gating.verdicts import GateVerdict, confirm, limit


class Rule(NamedTuple):
    """Rule for the failure of a test.

    threshold  threshold of every test without a threshold in a marker, 0.05 for 5 %
    fails      whether a regression over `threshold` fails; a regression over a marker's threshold
               always fails
    """

    threshold: float
    fails: bool


def judged(
    before: Sequence[SideReport], after: Sequence[SideReport], rule: Rule
) -> list[GateVerdict]:
    """The verdicts on the tests of the candidate. A pair counts for a test if the test passed and
    was measured on both sides of the pair.
    """
    verdicts = []
    for name in _names(after):
        verdicts.append(_of_change(name, before, after, rule))
        limits = [report.max_j[name] for report in after if name in report.max_j]
        records = [record for report in after if (record := report.of(name)) is not None]
        if limits and records:
            verdicts.append(_of_limit(records, limits[-1]))
    return verdicts


def confirmed(
    first: Sequence[GateVerdict],
    again: Callable[[list[str]], tuple[list[SideReport], list[SideReport]]],
    rule: Rule,
) -> list[GateVerdict]:
    """The verdicts after a second measurement of every test that would fail by pairs.

    again  measures tests again, by name
    """
    names = [verdict.name for verdict in first if verdict.fails and verdict.evidence == "pairs"]
    if not names:
        return list(first)
    before, after = again(names)
    verdicts = []
    for verdict in first:
        if verdict.name in names and verdict.evidence == "pairs":
            verdict = confirm(verdict, _of_change(verdict.name, before, after, rule))
        verdicts.append(verdict)
    return verdicts


def only_in(some: Sequence[SideReport], other: Sequence[SideReport]) -> list[str]:
    """Names of tests in `some` that are missing in `other`."""
    known = set(_names(other))
    return [name for name in _names(some) if name not in known]


def failed(reports: Sequence[SideReport]) -> list[str]:
    """Tests that failed in any process."""
    return list(dict.fromkeys(name for report in reports for name in report.failed))


def _names(reports: Sequence[SideReport]) -> list[str]:
    return list(dict.fromkeys(name for report in reports for name in report.names))


def _of_change(
    name: str, before: Sequence[SideReport], after: Sequence[SideReport], rule: Rule
) -> GateVerdict:
    pairs = [
        (old, new)
        for one, other in zip(before, after, strict=True)
        if (old := one.of(name)) is not None and (new := other.of(name)) is not None
    ]
    if not pairs:
        return GateVerdict(name=name, outcome="no baseline", reason=_unpaired(name, before, after))
    stated = [some.max_regression[name] for some in after if name in some.max_regression]
    threshold = stated[-1] if stated else rule.threshold
    verdict = compare_pairs([old for old, _ in pairs], [new for _, new in pairs], threshold)
    fails = verdict.fails and (rule.fails or bool(stated))
    return msgspec.structs.replace(verdict, name=name, fails=fails)


def _unpaired(name: str, before: Sequence[SideReport], after: Sequence[SideReport]) -> str:
    """Why a test has no pair."""
    for side, reports in (("here", after), ("on the baseline's side", before)):
        for report in reports:
            if name in report.unmeasured and report.of(name) is None:
                return f"not measured {side}: {report.unmeasured[name]}"
    if not any(name in report.names for report in before):
        return "the baseline has no such test"
    return "no pair in which both sides were measured"


def _of_limit(records: Sequence[Record], max_j: float) -> GateVerdict:
    """A limit in joules fails if every process lies above the limit: a process is a complete
    measurement.
    """
    verdicts = [limit(record, max_j) for record in records]
    fails = all(verdict.fails for verdict in verdicts)
    last = next((some for some in reversed(verdicts) if some.fails is fails), verdicts[-1])
    return msgspec.structs.replace(last, fails=fails)
