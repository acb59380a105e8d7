"""What somebody asks who has never seen these results, with short answers: the first section of a
full report, and a part of a statement.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.comparison.means import no_mean
from energybench.model import Comparison, Document, Measurement
from energybench.units import show
from energybench_reports.view import statement_facts as facts
from energybench_reports.view.comparison import Sameness, sameness
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, counted, listed, plain

_SAMENESS: dict[Sameness, str] = {
    "same": "both sides state the same problem, by its fingerprint",
    "on-trust": "taken on trust: the programs do not say what they did",
    "other": "no: other work was compared on purpose",
}
_MOST_NAMED = 3  # different works or nodes; more are counted
# Settings without which an energy per unit of work says nothing about a service.
_SERVICE = ("batch", "prompt", "new_tokens", "dtype")
_HOW = (
    "`energybench verify FILE` makes the text of an html or pdf report again from the results that "
    "it holds; a bundle (`energybench bundle`) has the samples too, from which every number follows"
)
_BY_WHOM = (
    "not stated: who tested, who tuned each side and who paid is in a publication file "
    "(`energybench report --publication FILE`)"
)


def section(document: Document) -> Section:
    """The questions and answers of the runs of a document; an empty section without runs."""
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    sides = {run for pair in comparisons for run in (pair.baseline, pair.candidate)}
    runs: list[Measurement] = list(document.of(Measurement))
    runs = [run for run in runs if run.id in sides] or runs
    rows: list[tuple[str, TableCell]] = []
    if runs:
        boundaries = dict.fromkeys(run.boundary.name for run in runs)
        rows = [
            (_subject(comparisons), TableCell(_work(runs))),
            ("on", TableCell(_nodes(runs))),
            ("runs", TableCell(_counts(runs))),
            *(
                (question, TableCell(answer))
                for question, answer in energy_answers(comparisons, runs, tuple(boundaries))
            ),
            ("how to verify", TableCell(_HOW, tone="prose")),
        ]
        if document.publication is None:
            rows.append(("by whom", TableCell(_BY_WHOM, tone="prose")))
    table = Table("", ("question", "answer"), tuple((TableCell(name), cell) for name, cell in rows))
    about = "For a reader who has not seen these results before."
    return Section("questions", "Questions and answers", about, (table,))


def energy_answers(
    comparisons: Sequence[Comparison], runs: Sequence[Measurement], boundaries: Sequence[str]
) -> list[tuple[str, str]]:
    """(question, answer): boundary, quality, meters, date, mean, and energy that is left out."""
    omitted = [facts.left_out(name)[0] for name in boundaries]
    if len(boundaries) > 1:
        omitted = [
            f"of {plain(name)}: {words}" for name, words in zip(boundaries, omitted, strict=True)
        ]
    if missing := facts.parts_that_are("missing", runs):
        omitted.insert(0, f"without a sensor: {missing}")
    same = [("same work", _same_work(comparisons))] if comparisons else []
    return [
        *same,
        ("boundary", "; ".join(facts.boundary_words(name) for name in boundaries)),
        *_named_if_any("narrow and wide", _in_accelerators(runs)),
        *_named_if_any("highest power", _highest(comparisons, runs)),
        *_named_if_any("done at a time", _at_a_time(runs)),
        ("measured or assumed", facts.named_quality(runs)),
        ("read by", f"{facts.meters(runs) or 'no sensor'}; {facts.accuracy(runs)}"),
        (_dated(comparisons, runs), facts.dates(runs) or "not known"),
        ("mean", _mean(comparisons)),
        ("left out", "; ".join([*omitted, facts.ALWAYS_LEFT_OUT])),
    ]


def _dated(comparisons: Sequence[Comparison], runs: Sequence[Measurement]) -> str:
    results: tuple[Measurement | Comparison, ...] = (*comparisons, *runs)
    replayed = any(result.replayed for result in results)
    return "recorded on" if replayed else "measured on"


def _named_if_any(question: str, answer: str) -> list[tuple[str, str]]:
    return [(question, answer)] if answer else []


def _in_accelerators(runs: Sequence[Measurement]) -> str:
    """'GPU: 1.2 kJ [1.1, 1.3] in the accelerators alone, 2.3 kJ [2.1, 2.5] within compute'; ""
    if no run has both.
    """
    both = [(run, narrow) for run in runs if (narrow := run.in_accelerators_j) is not None]
    parts = [
        f"{plain(run.label) or plain(run.id)}: {show(narrow, 'J')} in the accelerators alone, "
        f"{show(run.energy_j, 'J')} within {run.boundary.name}"
        for run, narrow in both[:_MOST_NAMED]
        if run.energy_j is not None
    ]
    if len(both) > _MOST_NAMED:
        parts.append(f"{len(both) - _MOST_NAMED} more runs have both in the table of measurements")
    return "; ".join(parts)


def _at_a_time(runs: Sequence[Measurement]) -> str:
    """Settings that decide latency and energy per unit of work together, of workloads that state
    a batch; "" without such a workload.
    """
    parts = []
    for run in runs:
        settings = run.workload.settings if run.workload is not None else {}
        if "batch" not in settings or run.energy_per_work_j is None or run.work is None:
            continue
        stated = [f"{key} {settings[key]}" for key in _SERVICE if settings.get(key) is not None]
        rate = f"; {show(run.work_per_s, f'{run.work.unit}/s')}" if run.work_per_s else ""
        parts.append(
            f"{plain(run.label) or plain(run.id)}: {plain(', '.join(stated))}{plain(rate)}; a "
            f"repeat lasts {show(run.time_s, 's')}"
        )
    shown = list(dict.fromkeys(parts))[:_MOST_NAMED]
    if not shown:
        return ""
    return "; ".join(shown) + "; percentiles of the latency are not recorded"


def _highest(comparisons: Sequence[Comparison], runs: Sequence[Measurement]) -> str:
    """'1.6 kW [1.5, 1.7] over 1 s, of a mean of 1.2 kW […]' of a run; the sides of comparisons
    stand in the table of their power.
    """
    if comparisons or len(runs) != 1 or runs[0].highest_power_w is None:
        return ""
    highest, mean = show(runs[0].highest_power_w, "W"), show(runs[0].power_w, "W")
    return f"{highest} over 1 s, beside a mean of {mean}" if runs[0].power_w else highest


def _subject(comparisons: Sequence[Comparison]) -> str:
    return "work that was compared" if comparisons else "work that was measured"


def _work(runs: Sequence[Measurement]) -> str:
    return _named([facts.work_words(run) for run in runs], "work")


def _nodes(runs: Sequence[Measurement]) -> str:
    return _named([facts.node_words(run) for run in runs], "kind of node")


def _named(words: Sequence[str], noun: str) -> str:
    """The different words, each once; of many, the first ones and the number of all."""
    different = list(dict.fromkeys(words))
    shown = "; ".join(different[:_MOST_NAMED])
    if len(different) <= _MOST_NAMED:
        return shown
    return f"{shown}; and {counted(len(different) - _MOST_NAMED, f'more {noun}')}"


def _counts(runs: Sequence[Measurement]) -> str:
    """'2 runs, each of 8 repeats on 1 node'."""
    shapes = list(dict.fromkeys((len(run.repeats), run.nodes) for run in runs))
    words = [
        f"{counted(repeats, 'repeat')} on {counted(nodes, 'node')}" for repeats, nodes in shapes
    ]
    number = counted(len(runs), "run")
    if len(words) == 1:
        return f"{number}{', each' if len(runs) > 1 else ''} of {words[0]}"
    if len(words) <= _MOST_NAMED:
        return f"{number}, of {listed(words)}"
    repeats_of = sorted(repeats for repeats, _ in shapes)
    nodes_of = sorted(nodes for _, nodes in shapes)
    return (
        f"{number}, of {repeats_of[0]} to {repeats_of[-1]} repeats on {nodes_of[0]} to "
        f"{nodes_of[-1]} nodes"
    )


def _same_work(comparisons: Sequence[Comparison]) -> str:
    """In words, whether the sides of each comparison did the same work, and how that is known."""
    sameness_words = [_SAMENESS[sameness(pair)] for pair in comparisons]
    different = list(dict.fromkeys(sameness_words))
    if len(different) == 1:
        return different[0]
    counts = [
        f"{words} ({sameness_words.count(words)} of {len(sameness_words)})" for words in different
    ]
    return "; ".join(counts)


def _mean(comparisons: Sequence[Comparison]) -> str:
    within = "each energy is the arithmetic mean of its repeats"
    if len(comparisons) < 2:
        return f"{within}; gross, not net of idle power"
    if reason := no_mean(comparisons):
        return f"{within}; the ratios have no common mean, because {reason}"
    return (
        f"{within}; energy-weighted mean of the ratios: total energy over total energy with the "
        "same node-hours of the baseline for each application"
    )
