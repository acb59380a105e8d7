"""The sentence to copy from a statement: the figure with everything without which it says nothing.

No adjective and no verdict word: towards consumers, Directive (EU) 2024/825 bans generic claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from energybench.analysis.comparison.means import means
from energybench.model import TIME_X_ASSUMED_POWER, Comparison, Estimate, Measurement, has_stamp
from energybench.units import show
from energybench_reports.view import statement_facts as facts
from energybench_reports.view.comparison import assumed, pair, sameness, title_of
from energybench_reports.view.wording import counted, listed, percent, plain

MOST = 280  # characters of the short sentence
ENERGY = "energy"
SAME = "the same work"
_SHORTEST_LABEL, _LONGEST_LABEL = 6, 40
_MOST_COLLECTORS = 3
_LONGEST_DATE = 24  # characters: two days with a word between them


class Stated(NamedTuple):
    """What the sentences are about. draft: why it is not for publication; "" if it is."""

    comparisons: tuple[Comparison, ...]
    runs: tuple[Measurement, ...]
    tester: str = ""
    tested: str = ""
    version: str = ""
    draft: str = ""


class Figure(NamedTuple):
    """The figure of a statement. name: of the mean, if there are several comparisons."""

    estimate: Estimate
    name: str


def figure(stated: Stated) -> Figure | None:
    """The ratio of the only comparison, the energy-weighted mean of several, or the energy of a
    run; None for comparisons without a common mean.
    """
    if len(stated.comparisons) == 1:
        ratio = stated.comparisons[0].energy_ratio
        return Figure(ratio, title_of(stated.comparisons[0])) if ratio is not None else None
    if stated.comparisons:
        averages = means(stated.comparisons)
        if averages is None:
            return None
        if averages.energy_weighted is not None:
            return Figure(averages.energy_weighted, "energy-weighted mean")
        return Figure(averages.geometric, "geometric mean")
    run = stated.runs[0]
    if run.energy_per_work_j is not None and run.work is not None and not run.failed_checks:
        return Figure(run.energy_per_work_j, f"energy per {plain(run.work.unit)}")
    return Figure(run.energy_j, "energy of a repeat") if run.energy_j is not None else None


def long_sentence(stated: Stated) -> str:
    """All qualifiers in words."""
    boundary = (
        stated.comparisons[0].boundary if stated.comparisons else stated.runs[0].boundary.name
    )
    qualifiers = f"gross {noun(stated)}, boundary {plain(boundary)}"
    parts = [f"{_claim(stated, _LONGEST_LABEL)} ({qualifiers}; {_confidence(stated)} interval)."]
    parts.append(
        f"{_runs_words(stated)}, read by {facts.meters(stated.runs) or 'sensors not known'}."
    )
    when = _when(stated) or "on a date that is not known"
    by = f" by {cut(stated.tester, 60)}" if stated.tester else ""
    parts.append(f"{_how(stated)} {when}{by}; parts of the boundary: {facts.quality(stated.runs)}.")
    omitted = facts.left_out(boundary)[0]
    if missing := facts.parts_that_are("missing", stated.runs):
        omitted += f"; without a sensor: {missing}"
    parts.append(f"Left out: {omitted}. energybench {plain(stated.version)}".rstrip() + ".")
    draft = f"Draft, not for publication ({cut(stated.draft, 160)}). " if stated.draft else ""
    return draft + " ".join(parts)


def short_sentence(stated: Stated) -> str:
    """The same in at most MOST characters: labels are shortened until it fits."""
    for length in range(_LONGEST_LABEL, _SHORTEST_LABEL - 1, -2):
        sentence = _short(stated, length)
        if len(sentence) <= MOST:
            return sentence
    return _short(stated, _SHORTEST_LABEL)[: MOST - 1] + "…"


def _short(stated: Stated, length: int) -> str:
    boundary = (
        stated.comparisons[0].boundary if stated.comparisons else stated.runs[0].boundary.name
    )
    names = facts.collectors(stated.runs)
    read = "+".join(names) if len(names) <= _MOST_COLLECTORS else f"{len(names)} kinds of sensors"
    return (
        f"{'DRAFT: ' if stated.draft else ''}{_brief_claim(stated, length)}; gross, boundary "
        f"{plain(boundary)}, {_confidence(stated)} interval; {_brief_runs(stated)}; "
        f"{cut(read, 24) or 'sensors not known'}; {_brief_when(stated)}; without "
        f"{facts.left_out(boundary)[1]}"
    )


# ---------------------------------------------------------------- the claim


def _claim(stated: Stated, length: int) -> str:
    if not stated.comparisons:
        run, headline = stated.runs[0], figure(stated)
        energy = show(headline.estimate, "J") if headline is not None else "not measured"
        name = headline.name if headline is not None else "energy"
        return f"{cut(run.label, length)}: {name} {energy}, one run without a comparison"
    if len(stated.comparisons) == 1:
        only = stated.comparisons[0]
        baseline, candidate = (cut(label, length) for label in pair(only))
        return (
            f"For {_same(stated)} ({_work(stated)}), {baseline} used {show(only.energy_ratio)} "
            f"times the {noun(stated)} of {candidate}{_decided(only)}"
        )
    headline = figure(stated)
    every = listed(
        f"{' → '.join(cut(label, length) for label in pair(entry))} {show(entry.energy_ratio)}"
        for entry in stated.comparisons
    )
    number = counted(len(stated.comparisons), "application")
    trusted = "" if _same(stated) == SAME else f"; {_same(stated)}"
    compared = noun(stated)
    if headline is None:
        return (
            f"{compared[0].upper()}{compared[1:]} of the baseline over that of the candidate, "
            f"{number}: {every}; no mean{trusted}"
        )
    return (
        f"Over {number}, the baseline used {show(headline.estimate)} times the {compared} of the "
        f"candidate as {headline.name}: {every}{trusted}"
    )


def _brief_claim(stated: Stated, length: int) -> str:
    if not stated.comparisons:
        run, headline = stated.runs[0], figure(stated)
        energy = show(headline.estimate, "J") if headline is not None else "not measured"
        per = (
            f" per {cut(run.work.unit, length)}"
            if headline and run.work and "per " in headline.name
            else ""
        )
        return f"{cut(run.label, length)}: {energy}{per or ' a repeat'}"
    if len(stated.comparisons) == 1:
        only = stated.comparisons[0]
        baseline, candidate = (cut(label, length) for label in pair(only))
        undecided = " (undecided)" if only.verdict == "inconclusive" else ""
        ratio = show(only.energy_ratio)
        work = "same work" if _same(stated) == SAME else _same(stated)
        return f"{baseline} / {candidate}, {work}: {title_of(only)} {ratio}{undecided}"
    pairs = list(dict.fromkeys(pair(entry) for entry in stated.comparisons))
    sides = " / ".join(cut(label, length) for label in pairs[0])
    if len(pairs) > 1:
        sides += f" and {len(pairs) - 1} more"
    headline = figure(stated)
    number = counted(len(stated.comparisons), "application")
    if _same(stated) != SAME:
        number += f", {_same(stated)}"
    ratio = f"{noun(stated)} ratio" if noun(stated) == ENERGY else f"ratio of {noun(stated)}"
    if headline is not None:
        return f"{sides}, {number}: {ratio} {show(headline.estimate)}, {headline.name}"
    ratios = sorted(
        (entry.energy_ratio for entry in stated.comparisons if entry.energy_ratio is not None),
        key=lambda ratio: ratio.value,
    )
    return f"{sides}, {number}: {ratio}, {show(ratios[0])} to {show(ratios[-1])}"


def _decided(comparison: Comparison) -> str:
    """What the interval says beyond the ratio."""
    if comparison.verdict == "equivalent":
        return f", equal within ±{percent(comparison.margin)}"
    if comparison.verdict == "inconclusive":
        return "; these runs do not decide which needs less"
    return ""


# ---------------------------------------------------------------- the qualifiers


def noun(stated: Stated) -> str:
    """What the ratios compare."""
    estimated = any(assumed(entry) for entry in stated.comparisons)
    return TIME_X_ASSUMED_POWER if estimated else ENERGY


def _same(stated: Stated) -> str:
    """Whether the two sides did the same work."""
    kinds = {sameness(entry) for entry in stated.comparisons}
    if "other" in kinds:
        return "other work"
    return "work taken on trust to be the same" if "on-trust" in kinds else SAME


def _how(stated: Stated) -> str:
    """'Measured'; 'Measured in part' with a power model in place of a sensor; 'Timed' if no sensor
    read any energy; 'Recorded' for replays.
    """
    results: tuple[Measurement | Comparison, ...] = (*stated.runs, *stated.comparisons)
    if any(result.replayed for result in results):
        return "Recorded"
    if any(has_stamp(result.stamps, "partly-estimated") for result in results):
        return "Measured in part"
    states = {part.state for run in stated.runs for part in run.boundary.parts}
    return "Measured" if "measured" in states else "Timed"


def _when(stated: Stated) -> str:
    """The dates that the runs recorded, else that of the publisher; "" if nobody knows."""
    recorded = facts.dates(stated.runs)
    return recorded or (f"{stated.tested} (as the publisher states)" if stated.tested else "")


def _brief_when(stated: Stated) -> str:
    """The same in few words. A date is never cut: what does not fit is left to the page."""
    recorded = facts.dates(stated.runs)
    if recorded or not stated.tested:
        return recorded or "date not known"
    tested = plain(stated.tested)
    return f"{tested} (stated)" if len(tested) <= _LONGEST_DATE else "dated in the statement"


def _work(stated: Stated) -> str:
    works = dict.fromkeys(facts.work_words(run) for run in stated.runs)
    return cut("; ".join(works), 80) or "not named"


def _confidence(stated: Stated) -> str:
    headline = figure(stated)
    ratios = [entry.energy_ratio for entry in stated.comparisons]
    estimate = headline.estimate if headline is not None else ratios[0]
    return f"{100 * estimate.confidence:g} %" if estimate is not None else "no"


def sides(stated: Stated) -> tuple[list[Measurement], list[Measurement]]:
    """The runs of the baselines and those of the candidates that are known."""
    runs = {run.id: run for run in stated.runs}
    baselines = [runs[entry.baseline] for entry in stated.comparisons if entry.baseline in runs]
    candidates = [runs[entry.candidate] for entry in stated.comparisons if entry.candidate in runs]
    return baselines, candidates


def _runs_words(stated: Stated) -> str:
    if not stated.comparisons:
        run = stated.runs[0]
        return f"{counted(len(run.repeats), 'repeat')} on {counted(run.nodes, 'node')}"
    baselines, candidates = sides(stated)
    return f"{_side(baselines)} of the baseline and {_side(candidates)} of the candidate"


def _side(runs: Sequence[Measurement]) -> str:
    if not runs:
        return "an unknown number of repeats"
    repeats = listed(dict.fromkeys(str(len(run.repeats)) for run in runs))
    nodes = listed(dict.fromkeys(counted(run.nodes, "node") for run in runs))
    return f"{repeats} {'repeat' if repeats == '1' else 'repeats'} on {nodes}"


def _brief_runs(stated: Stated) -> str:
    groups = list(sides(stated)) if stated.comparisons else [list(stated.runs)]
    if not all(groups):
        return "runs not known"
    repeats = [_range(len(run.repeats) for run in runs) for runs in groups]
    nodes = [_range(run.nodes for run in runs) for runs in groups]
    of_repeats = "repeat" if repeats == ["1"] else "repeats"
    of_nodes = "node" if nodes == ["1"] else "nodes"
    return f"{'+'.join(repeats)} {of_repeats} on {'+'.join(nodes)} {of_nodes}"


def _range(numbers: Iterable[int]) -> str:
    values = sorted(numbers)
    return str(values[0]) if values[0] == values[-1] else f"{values[0]}–{values[-1]}"


def cut(text: str, length: int) -> str:
    """The text, or its beginning with an ellipsis."""
    words = plain(text)
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"
