"""Comparison of the records of a test by the best available evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from energybench.analysis.comparison.pairs import paired
from energybench.gating.between_runs import ASSUMED, RunScatter
from energybench.gating.change import (
    LEAST_SESSIONS,
    from_history,
    from_pairs,
    from_saved_run,
)
from energybench.gating.comparable import Common, NotComparable, common, without_energy
from energybench.gating.levels import Step, since_accepted, step
from energybench.gating.records import Record, each_round, record
from energybench.gating.verdicts import GateVerdict, judge
from energybench.model import Measurement

# Number of newest comparable sessions in a history: more sessions improve the scatter between
# sessions only a little, and the oldest sessions are of different code.
_MOST_SESSIONS = 20


def compare_pairs(
    baseline: Sequence[Record], candidate: Sequence[Record], threshold: float
) -> GateVerdict:
    """Baseline and candidate in alternating processes: record i of both sides is pair i.

    A surplus record of a side, from a pair that was cut off, does not count.
    """
    n = min(len(baseline), len(candidate))
    if not n:
        return no_baseline((*candidate, *baseline)[0].name if candidate or baseline else "")
    before, after = baseline[:n], candidate[:n]
    agreed = common(before[0], after[0])
    for some in (*before, *after):
        other = common(before[0], some)
        if isinstance(other, NotComparable):
            return _refused(some, other)
        if isinstance(agreed, Common):
            measured = tuple(name for name in agreed.measured if name in other.measured)
            agreed = agreed._replace(measured=measured)
    if isinstance(agreed, NotComparable):
        return _refused(after[0], agreed)
    change = from_pairs(before, after, agreed.measured)
    return judge(
        after[0].name, change, threshold, measured=agreed.measured, left_out=agreed.left_out
    )


def compare_blocks(baseline: Measurement, candidate: Measurement, threshold: float) -> GateVerdict:
    """Compare two interleaved runs (`energybench ab`) block by block. A repeat is a process.

    Without two common blocks there are no pairs: the baseline then counts as one saved run.
    """
    pairs = paired(baseline, candidate)
    if not pairs:
        return compare_saved([record(baseline)], record(candidate), threshold)
    sides = []
    for measurement, i in ((baseline, 0), (candidate, 1)):
        repeats = tuple(
            pair[i] for pair in pairs if None not in (pair[0].energy_j, pair[1].energy_j)
        )
        sides.append(each_round(record(msgspec.structs.replace(measurement, repeats=repeats))))
    return compare_pairs(sides[0], sides[1], threshold)


def compare_saved(
    saved: Sequence[Record],
    candidate: Record,
    threshold: float,
    *,
    between_runs: Callable[[Record], RunScatter] = lambda candidate: ASSUMED,
    fail_on_saved_run: bool = False,
) -> GateVerdict:
    """Compare a session with saved sessions of the test, the oldest first: with the history if at
    least five saved sessions are comparable, or with the newest comparable session. A session
    counts once, with the last record. Not counted are the candidate's own session, records whose
    gate failed, and records before the last accepted new level.

    between_runs       gives the scatter between runs that is added for one saved run
    fail_on_saved_run  let a regression against one saved run also fail the build
    """
    unusable = without_energy(candidate, "this run")
    if unusable is not None:
        return _refused(candidate, unusable)
    if candidate.new_level:
        reason = "its energy is accepted as a new level"
        return GateVerdict(name=candidate.name, outcome="no baseline", reason=reason)
    saved = [some for some in saved if not some.gate_failed]
    others = _one_a_session(saved, candidate)
    if saved and not others:
        return GateVerdict(
            name=candidate.name,
            outcome="no baseline",
            reason="the only saved session is the session of this very run: save sessions of "
            "the main branch",
        )
    if not others:
        return no_baseline(candidate.name)
    saved, level_utc = since_accepted(others)
    newest = common(saved[-1], candidate)
    usable = [(some, both) for some in saved if isinstance(both := common(some, candidate), Common)]
    if not usable:
        assert isinstance(newest, NotComparable)
        return _refused(candidate, newest)
    last, both = usable[-1]
    alike = [some for some, other in usable if other.measured == both.measured][-_MOST_SESSIONS:]
    unaccepted: Step | None = None
    if len(alike) >= LEAST_SESSIONS:
        added: RunScatter | None = None
        unaccepted = step(alike, both.measured, threshold)
        change = from_history(alike, candidate, both.measured)
    else:
        added = between_runs(candidate)
        change = from_saved_run(last, candidate, both.measured, added.rel)
    return judge(
        candidate.name,
        change,
        threshold,
        measured=both.measured,
        left_out=both.left_out,
        between_runs=added,
        fail_on_saved_run=fail_on_saved_run,
        level_utc=level_utc,
        step=unaccepted,
    )


def no_baseline(name: str) -> GateVerdict:
    """The verdict on a test without a baseline, which is not a failure."""
    return GateVerdict(name=name, outcome="no baseline", reason="this run may become one")


def _one_a_session(saved: Sequence[Record], candidate: Record) -> list[Record]:
    """The last records of the sessions except the candidate's session, and every record without a
    session.
    """
    sessions = {some.session or f"\0{i}": some for i, some in enumerate(saved)}
    return [
        some
        for some in saved
        if not some.session
        or (some is sessions[some.session] and some.session != candidate.session)
    ]


def _refused(some: Record, why: NotComparable) -> GateVerdict:
    return GateVerdict(
        name=some.name, outcome="off" if why.off else "not compared", reason=why.reason
    )
