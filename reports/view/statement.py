"""The two pages of a statement in words: the figure, what was compared, disclosures, what is left
out, how to verify it. The format folds long texts by rule; the appendix has all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.comparison.means import means, no_mean
from energybench.grading.statable import against_publication
from energybench.model import Comparison, Document, Estimate, Measurement, Publication
from energybench.units import show
from energybench_reports.view import comparison as comparing
from energybench_reports.view import modelled, statement_budget
from energybench_reports.view import statement_facts as facts
from energybench_reports.view import statement_sentence as sentences
from energybench_reports.view.doubts import weaknesses
from energybench_reports.view.labels import labels
from energybench_reports.view.layout import Table, ratio_axis
from energybench_reports.view.node_power import node_power
from energybench_reports.view.publication import NOT_STATED
from energybench_reports.view.publication import section as publication_section
from energybench_reports.view.questions import energy_answers
from energybench_reports.view.statement_books import rule_books
from energybench_reports.view.statement_sentence import Stated
from energybench_reports.view.wording import (
    TableCell,
    Tone,
    component_words,
    counted,
    listed,
    ordered,
    percent,
    plain,
    value,
)


class Statement(NamedTuple):
    """draft, stamps: marks of every page, and of the figure. answers: (question, answer). doubts:
    the kinds of all doubts, which the format never folds.
    """

    title: str
    kind: str
    draft: str
    stamps: tuple[str, ...]
    figure_name: str
    figure: TableCell
    verdict: str
    tone: Tone
    lead: str
    chart: Table
    compared: Table
    long: str
    short: str
    disclosures: tuple[tuple[str, TableCell], ...]
    answers: tuple[tuple[str, str], ...]
    power: Table
    books: tuple[tuple[str, str], ...]
    legends: tuple[str, ...]
    digests: Table
    doubts: str


def statement(document: Document) -> Statement:
    """The statement of a document that `energybench.grading.statable.check` accepts."""
    publication = document.publication
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    runs: tuple[Measurement, ...] = document.of(Measurement)
    reasons = "; ".join(plain(reason) for reason in against_publication(document))
    stated = Stated(
        comparisons,
        runs,
        publication.tester if publication is not None else "",
        publication.tested if publication is not None else "",
        document.version,
        reasons,
    )
    books, legends = rule_books(document, runs)
    title, figure = _figure(stated)
    verdict, tone, lead = _verdict(stated)
    marks = [mark for entry in comparisons for mark in entry.stamps]
    marks += [mark for run in runs for mark in run.stamps]
    stamps = dict.fromkeys(plain(mark.words) for mark in marks)
    single = () if comparisons else ("one run: nothing was compared",)
    return Statement(
        title=plain(document.title) or "Untitled",
        kind=_kind(stated),
        draft=reasons,
        stamps=(*single, *stamps),
        figure_name=title,
        figure=figure,
        verdict=verdict,
        tone=tone,
        lead=f"{lead}{_modelled(runs)}",
        chart=_chart(stated),
        compared=_compared(stated),
        long=sentences.long_sentence(stated),
        short=sentences.short_sentence(stated),
        disclosures=_disclosures(document),
        answers=_answers(stated),
        power=node_power(document),
        books=books,
        legends=legends,
        digests=_digests(comparisons),
        doubts=_doubts(document),
    )


def _kind(stated: Stated) -> str:
    if not stated.comparisons:
        job = stated.runs[0].job is not None or stated.runs[0].nodes > 1
        return "Energy of one job" if job else "Energy of one run"
    return f"Energy comparison, {counted(len(stated.comparisons), 'application')}"


# ---------------------------------------------------------------- page 1


def _figure(stated: Stated) -> tuple[str, TableCell]:
    """(name, value) of the headline."""
    headline = sentences.figure(stated)
    if headline is not None:
        unit = "" if stated.comparisons else "J"
        name = headline.name
        if stated.comparisons:
            name += f": {sentences.noun(stated)} of the baseline / that of the candidate"
        return name, value(headline.estimate, unit)
    ratios = sorted(
        (entry.energy_ratio for entry in stated.comparisons if entry.energy_ratio is not None),
        key=lambda ratio: ratio.value,
    )
    name = f"lowest and highest energy ratio: no mean, because {no_mean(stated.comparisons)}"
    return name, TableCell(f"{show(ratios[0])} to {show(ratios[-1])}")


def _verdict(stated: Stated) -> tuple[str, Tone, str]:
    """(verdict, its tone, words)."""
    if not stated.comparisons:
        return "", "", "Without a second run of the same work, this energy is neither low nor high."
    if len(stated.comparisons) == 1:
        answer = comparing.answer(stated.comparisons[0], {run.id: run for run in stated.runs})
        return answer.verdict, answer.tone, f"{answer.verdict_words} {answer.sentence}"
    verdicts = [comparing.verdict_cell(entry).text for entry in stated.comparisons]
    counts = [f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts)]
    return (
        f"Verdicts: {listed(counts)}",
        "",
        "A ratio above 1: the candidate used less energy"
        + (
            f". {comparing.ON_TRUST}"
            if any(comparing.on_trust(entry) for entry in stated.comparisons)
            else " for the same work."
        ),
    )


def _modelled(runs: Sequence[Measurement]) -> str:
    """' Modelled, not measured: …', if the models are a large part of an energy."""
    shares = modelled.words(runs)
    return f" {modelled.NAME.capitalize()}: {shares}." if shares else ""


def _chart(stated: Stated) -> Table:
    """Every ratio and mean on one axis; of a run, its components as shares."""
    if not stated.comparisons:
        return _components(stated.runs[0])
    rows: list[tuple[str, Estimate | None, TableCell, TableCell]] = []
    for entry in stated.comparisons:
        verdict = comparing.verdict_cell(entry)
        rows.append(
            (" → ".join(comparing.pair(entry)), entry.energy_ratio, value(entry.speedup), verdict)
        )
    averages = means(stated.comparisons) if len(stated.comparisons) > 1 else None
    if averages is not None:
        none = TableCell("")
        named = (
            ("energy-weighted mean", averages.energy_weighted),
            ("geometric mean", averages.geometric),
            ("arithmetic mean", averages.arithmetic),
        )
        weak = comparing.weaknesses(stated.comparisons)
        rows += [(name, mean, none, TableCell(weak)) for name, mean in named if mean is not None]
    tones = [comparing.tone_of(entry) for entry in stated.comparisons]
    margins = {entry.margin for entry in stated.comparisons}
    axis, marks = ratio_axis(
        "baseline / candidate (1: equal energy)",
        [ratio for _, ratio, _, _ in rows],
        margins.pop() if len(margins) == 1 else 0.0,
        tones,
    )
    cells = tuple(
        (TableCell(name), value(ratio), speedup, verdict) for name, ratio, speedup, verdict in rows
    )
    head = ("baseline → candidate", "energy ratio", "speedup", "verdict")
    return Table("", head, cells, axis=axis, marks=marks)


def _components(run: Measurement) -> Table:
    total = sum(energy.value for energy in run.components_j.values()) or 1.0
    rows = tuple(
        (
            TableCell(component_words(name)),
            value(run.components_j[name], "J"),
            TableCell(
                percent(run.components_j[name].value / total),
                bar=min(max(run.components_j[name].value / total, 0.0), 1.0),
            ),
        )
        for name in ordered(run.components_j)
    )
    return Table("", ("component", "energy of a repeat", "share"), rows)


def _compared(stated: Stated) -> Table:
    """A row for each side: node, work, energy, time, repeats, nodes."""
    names = labels(stated.runs)
    runs = {run.id: run for run in stated.runs}
    rows = []
    for entry in stated.comparisons:
        for role, run, label in zip(
            ("baseline", "candidate"),
            (entry.baseline, entry.candidate),
            comparing.pair(entry),
            strict=True,
        ):
            rows.append(_side(role, label, runs.get(run)))
    if not stated.comparisons:
        rows = [_side("run", names[run.id], run) for run in stated.runs]
    head = ("side", "run", "node", "work", "energy of a repeat", "time", "repeats", "nodes")
    return Table(
        "What was compared" if stated.comparisons else "What was measured", head, tuple(rows)
    )


def _side(role: str, label: str, run: Measurement | None) -> tuple[TableCell, ...]:
    if run is None:
        unknown = (TableCell("not known", tone="warn") for _ in range(6))
        return (TableCell(role), TableCell(label), *unknown)
    return (
        TableCell(role),
        TableCell(label),
        TableCell(facts.node_words(run)),
        TableCell(facts.work_words(run)),
        value(run.energy_j, "J"),
        value(run.time_s, "s"),
        TableCell(str(len(run.repeats))),
        TableCell(str(run.nodes)),
    )


# ---------------------------------------------------------------- page 2


def _disclosures(document: Document) -> tuple[tuple[str, TableCell], ...]:
    """What the publisher states, and in one row everything that the publisher left open."""
    shown = publication_section(document.publication or Publication(), document.created_utc)
    stated: dict[str, TableCell] = {}
    open_fields = []
    for name, cell in ((row[0].text, row[1]) for row in shown.tables[0].rows):
        if cell.text == NOT_STATED:
            open_fields.append(name)
        elif name in stated:  # several parts without a meter
            stated[name] = TableCell(f"{stated[name].text}; {cell.text}")
        else:
            stated[name] = cell
    if open_fields:
        stated[NOT_STATED] = TableCell("; ".join(open_fields), tone="warn")
    return tuple(stated.items())


def _doubts(document: Document) -> str:
    """'2 kinds: A sensor gives the same value (`stuck-sensor`); …': every kind of doubt about the
    results, in few words.
    """
    kinds = weaknesses(document, labels(document.of(Measurement)))
    if not kinds:
        return "none"
    words = [
        f"{kind.title} (`{kind.code}`)" if kind.title != kind.code else f"`{kind.code}`"
        for kind in kinds
    ]
    return f"{counted(len(kinds), 'kind')}, with remedies in the appendix: {'; '.join(words)}"


def _answers(stated: Stated) -> tuple[tuple[str, str], ...]:
    """(question, answer): boundary, meters, mean, energy left out, budget, verification."""
    boundary = (
        stated.comparisons[0].boundary if stated.comparisons else stated.runs[0].boundary.name
    )
    return (
        *energy_answers(stated.comparisons, stated.runs, (boundary,)),
        ("largest parts of the uncertainty", statement_budget.words(stated)),
        ("how to verify", _verify_words(stated)),
    )


def _verify_words(stated: Stated) -> str:
    words = (
        "the results are attached to this PDF as energybench.json: `energybench verify FILE.pdf` "
        "compares its pages with them; the owner's samples give every number again"
    )
    known = [entry.digests for entry in stated.comparisons if entry.digests is not None]
    if known:
        words += "; SHA-256 of the files of the runs: appendix"
    return words


# ---------------------------------------------------------------- appendix


def _digests(comparisons: Sequence[Comparison]) -> Table:
    rows = [
        (TableCell(label), TableCell(plain(file.path)), TableCell(plain(file.sha256), tone="code"))
        for entry in comparisons
        if entry.digests is not None
        for label, files in zip(comparing.pair(entry), entry.digests, strict=True)
        for file in files
    ]
    about = "A run whose files have these digests is the run of this statement: `sha256sum FILE`."
    return Table("SHA-256 of the files of the runs", ("run", "file", "SHA-256"), tuple(rows), about)
