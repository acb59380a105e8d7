"""The verdict on a change by a threshold, in this order:

1. regressed      the change exceeds the threshold, and its 95 % interval excludes no change
2. improved       the change is below minus the threshold, and its 95 % interval excludes no change
3. no regression  the one-sided 95 % upper bound of the change lies below the threshold
4. inconclusive   everything else

Outcomes 1 and 3 exclude each other, because the upper bound lies above the change. Outcome 2 comes
before 3, because every improvement also satisfies 3, and the stronger statement is more useful.
Changes below the threshold are too small to matter, in both directions: a certain but small
increase or decrease is "no regression", and the interval shows the size. Outcome 3 is one-sided,
because a gate asks a one-sided question: with the two-sided interval, two thirds of the unchanged
tests of a usual suite would be inconclusive. Pure.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from energybench.gating.between_runs import RunScatter
from energybench.gating.change import Change, Evidence
from energybench.gating.comparable import without_energy
from energybench.gating.levels import Step
from energybench.gating.records import Record
from energybench.model import Estimate, Noun
from energybench.units import show_value

Outcome = Literal[
    "regressed",
    "improved",
    "no regression",
    "inconclusive",
    "over limit",  # the whole interval lies above the stated energy
    "within limit",  # the whole interval lies below
    "not compared",  # the baseline is of another machine, of other sensors, …
    "no baseline",
    "off",  # nothing was measured here, or the energy is an estimate
]
# Ways to confirm a failure. "nothing": the measurement cannot be repeated, and has too few windows
# for two halves. "saved files": files are judged, and nothing is measured.
ConfirmedBy = Literal["second measurement", "halves", "nothing", "saved files"]
_CONFIRMATIONS: dict[tuple[ConfirmedBy | None, bool | None], str] = {
    ("second measurement", True): "confirmed",
    ("second measurement", False): "not confirmed",
    ("halves", True): "confirmed by both halves of its rounds",
    ("halves", False): "not confirmed: one half of its rounds does not fail",
    ("nothing", None): "a warning: fewer than 4 windows, so that nothing can confirm it",
    ("saved files", None): "a judgement of saved files: nothing was measured again",
}
# Kinds of evidence that contain the scatter between processes, and may therefore fail a build.
_FAILING: tuple[Evidence, ...] = ("pairs", "history")
_UNITS = {"pairs": "pair", "history": "saved session", "one saved run": "round"}
_NEW_LEVEL = "--benchmark-energy-new-level"
# More units are not worth their time: the remedy is then "no number of units would tell".
_MOST_UNITS = 100


class GateVerdict(Noun, frozen=True, kw_only=True):
    """The verdict of a gate on one test.

    change        candidate/baseline − 1 with its 95 % interval; None if nothing was compared, or if
                  the scatter is not known
    upper         one-sided 95 % upper bound of the change; None if the scatter is not known
    threshold     0.05 for 5 %; of a limit: None
    evidence      None if nothing was compared
    units         number of pairs, saved sessions, or rounds
    units_to_tell if inconclusive, number of units that would give a verdict; None: no number would
    fails         whether the verdict fails the build
    confirmed     for a failure that was judged twice: whether both verdicts agree; None: it was
                  judged once
    confirmed_by  how a failure was confirmed, or why it could not be; None: no failure, or not yet
    left_out      components that were not compared, with their state
    between_run_rel, between_run_source
                  scatter between runs that was added to both sides of a comparison with one saved
                  run, and the source of the figure, in words
    level_utc     time of the session that starts the last accepted level; None: every saved session
                  counts
    step_rel, step_utc
                  step of the history between two sessions, relative to the earlier sessions, and
                  time of the first later session; None: the history has no step, or the verdict
                  does not depend on a step
    reason        why nothing was compared, or the figures of a limit
    """

    name: str
    outcome: Outcome
    change: Estimate | None = None
    upper: float | None = None
    threshold: float | None = None
    evidence: Evidence | None = None
    units: int = 0
    units_to_tell: int | None = None
    fails: bool = False
    confirmed: bool | None = None
    confirmed_by: ConfirmedBy | None = None
    measured: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    between_run_rel: float | None = None
    between_run_source: str = ""
    level_utc: str | None = None
    step_rel: float | None = None
    step_utc: str | None = None
    reason: str = ""

    @property
    def line(self) -> str:
        """The verdict in one line, with its evidence."""
        if self.change is None or self.threshold is None or self.evidence is None:
            reason = f": {self.reason}" if self.reason else ""
            return f"{self.name}: {self.outcome}{reason}" + self._confirmation()
        over = f" over {_percent(self.threshold)}" if self.outcome == "no regression" else ""
        parts = [f"{self.name}: {self.outcome}{over}: {_signed(self.change)}", self._evidence()]
        if self.left_out:
            parts.append(f"without {', '.join(self.left_out)}")
        if self.step_rel is not None:
            parts.append(self._remedy_of_step(self.step_rel))
        elif self.outcome == "inconclusive":
            parts.append(self._remedy())
        elif self._only_warns:
            parts.append("a warning: one saved run does not fail a build")
        return "; ".join(parts) + self._confirmation()

    def _confirmation(self) -> str:
        words = _CONFIRMATIONS.get((self.confirmed_by, self.confirmed))
        return "" if words is None else f"; {words}"

    @property
    def _only_warns(self) -> bool:
        return (
            self.outcome == "regressed"
            and self.evidence == "one saved run"
            and not self.fails
            and self.confirmed_by is None
        )

    def _evidence(self) -> str:
        words = f"{self.units} {_UNITS[self.evidence or 'pairs']}{'s' * (self.units != 1)}"
        if self.evidence == "one saved run":
            words = f"one saved run, {words}"
            if self.between_run_rel is not None:
                words += f", {100 * self.between_run_rel:.2g} % a run {self.between_run_source}"
        if self.level_utc is not None:
            words += f", since the level accepted on {_day(self.level_utc)}"
        return words

    def _remedy_of_step(self, step_rel: float) -> str:
        step = f"{100 * step_rel:+.1f} %".replace("-", "−")
        return (
            f"the saved sessions step by {step} on {_day(self.step_utc or '')}: if that level is "
            f"right, save one session of the test with {_NEW_LEVEL}"
        )

    def _remedy(self) -> str:
        unit = _UNITS[self.evidence or "pairs"]
        if self.units_to_tell is not None:
            return f"{self.units_to_tell} {unit}s would tell"
        others = "" if self.evidence == "pairs" else ": measure in pairs"
        return f"no number of {unit}s would tell{others}"


def judge(
    name: str,
    change: Change,
    threshold: float,
    *,
    measured: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
    between_runs: RunScatter | None = None,
    fail_on_saved_run: bool = False,
    level_utc: str | None = None,
    step: Step | None = None,
) -> GateVerdict:
    """The verdict on a change.

    threshold          0.05 for 5 %
    between_runs       scatter between runs that was added to the change; None: no scatter was added
    fail_on_saved_run  let a regression against one saved run also fail the build
    level_utc          time of the session that starts the accepted level; None: no accepted level
    step               step of the saved sessions, whose scatter is then more than noise
    """
    outcome = _outcome(change, threshold)
    may_fail = fail_on_saved_run or change.evidence in _FAILING
    known = math.isfinite(change.half)
    if outcome not in ("inconclusive", "regressed"):
        step = None
    # with a step, the scatter is mostly the step: compute no number of sessions from the scatter
    untold = outcome == "inconclusive" and step is None
    return GateVerdict(
        name=name,
        outcome=outcome,
        change=_estimate(change),
        upper=math.expm1(change.log + change.reach) if known else None,
        threshold=threshold,
        evidence=change.evidence,
        units=change.units,
        units_to_tell=_units_to_tell(change, threshold) if untold else None,
        fails=may_fail and outcome == "regressed",
        measured=measured,
        left_out=left_out,
        between_run_rel=between_runs.rel if between_runs is not None else None,
        between_run_source=between_runs.source if between_runs is not None else "",
        level_utc=level_utc,
        step_rel=step.rel if step is not None else None,
        step_utc=step.time_utc if step is not None else None,
        reason="" if known else _unknown_scatter(change),
    )


def confirm(first: GateVerdict, second: GateVerdict) -> GateVerdict:
    """The verdict on a test that was measured again because the first verdict fails. The test fails
    only if both verdicts fail. The figures come from the second measurement.

    Two independent false alarms of probability p have the probability p²: a second measurement
    limits the false alarms of a suite of hundreds of tests without a wider threshold per test.
    """
    if not first.fails:
        return first
    return msgspec.structs.replace(
        second, confirmed=second.fails, confirmed_by="second measurement", fails=second.fails
    )


def confirm_by_halves(
    whole: GateVerdict, halves: tuple[GateVerdict, GateVerdict] | None
) -> GateVerdict:
    """The verdict on a test that cannot be measured again. The test fails only if each half of its
    windows, judged alone, fails too.

    halves  None: too few windows for two halves; the verdict then only warns
    """
    if not whole.fails:
        return whole
    if halves is None:
        return msgspec.structs.replace(whole, confirmed_by="nothing", fails=False)
    both = all(half.fails for half in halves)
    return msgspec.structs.replace(whole, confirmed=both, confirmed_by="halves", fails=both)


def limit(some: Record, max_j: float) -> GateVerdict:
    """Whether an iteration used more than `max_j`: fails if the whole interval lies above."""
    unusable = without_energy(some, "this run")
    if unusable is not None:
        return GateVerdict(name=some.name, outcome="off", reason=unusable.reason)
    assert some.energy_j is not None
    value, low, high = some.energy_j
    interval = f"{show_value(value, 'J')} [{show_value(low, 'J')}, {show_value(high, 'J')}]"
    over = low > max_j
    outcome: Outcome = "over limit" if over else "within limit"
    if low <= max_j < high:
        outcome = "inconclusive"
    return GateVerdict(
        name=some.name,
        outcome=outcome,
        fails=over,
        reason=f"{interval} for a limit of {show_value(max_j, 'J')}",
    )


# ---------------------------------------------------------------- the rule


def _outcome(change: Change, threshold: float) -> Outcome:
    half = change.half
    if not math.isfinite(half):
        return "inconclusive"
    if change.rel > threshold and change.log - half > 0:
        return "regressed"
    if change.rel < -threshold and change.log + half < 0:
        return "improved"
    if math.expm1(change.log + change.reach) < threshold:
        return "no regression"
    return "inconclusive"


def _units_to_tell(change: Change, threshold: float) -> int | None:
    """The least number of units that would give a verdict if the change stayed as it is."""
    if change.scatter is None or not math.isfinite(change.scatter.dof):
        return None
    few, many = change.units, _MOST_UNITS
    if change.units >= many or not _tells(change.with_units(many), threshold):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        if _tells(change.with_units(middle), threshold):
            many = middle
        else:
            few = middle
    return many


def _tells(change: Change, threshold: float) -> bool:
    return _outcome(change, threshold) != "inconclusive"


def _estimate(change: Change) -> Estimate | None:
    """The relative change; None if the scatter, and so the interval, is not known."""
    half = change.half
    if not math.isfinite(half):
        return None
    low, high = math.expm1(change.log - half), math.expm1(change.log + half)
    return Estimate(value=change.rel, low=low, high=high)


def _unknown_scatter(change: Change) -> str:
    unit = _UNITS[change.evidence]
    figure = f"{100 * change.rel:+.1f} %".replace("-", "−")
    return f"{figure} by {change.units} {unit}, whose scatter is not known: at least 2 {unit}s"


def _signed(change: Estimate) -> str:
    edges = [f"{100 * edge:+.1f}" for edge in (change.value, change.low, change.high)]
    return f"{edges[0]} % [{edges[1]}, {edges[2]}]".replace("-", "−")


def _day(time_utc: str) -> str:
    return time_utc[:10] or "an unknown day"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
