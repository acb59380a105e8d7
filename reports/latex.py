"""LaTeX: tables for a paper, in separate files, and a document with all tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from energybench.foreign_text import MOST_SHOWN
from energybench.model import Document, Measurement, Publication
from energybench_reports.latex_text import CHARACTER, escape, value_and_interval
from energybench_reports.tables.row import Row, line
from energybench_reports.tables.table import table
from energybench_reports.view.doubts import weaknesses
from energybench_reports.view.labels import labels
from energybench_reports.view.layout import Weakness
from energybench_reports.view.node_power import unused_labels
from energybench_reports.view.publication import section as statements

MAIN = "report.tex"
_NUMBERS = r"Value & Interval (95\,\%) or range"
# Rows that fit a page. A longer table goes on over the following pages.
MOST_ON_A_PAGE = 25

# The quantities of a run and of a study for a paper; csv has all quantities.
_OF_RUNS = {
    "energy": "energy",
    "component_energy": "energy",
    "net_energy": "net energy",
    "energy_per_work": "energy per",
    "time": "time",
    "power": "mean power of a node",
    "idle_power": "idle power of a node",
}
_OF_STUDIES = {
    "time": "time",
    "energy": "energy",
    "memory_peak": "peak memory",
    "speedup": "speedup",
    "energy_ratio": "energy ratio",
    "time_x_assumed_power": "time x assumed power",
    "memory_ratio": "memory ratio",
}
_OF_COMPARISONS = {
    "energy_ratio": "energy ratio",
    "time_x_assumed_power": "time x assumed power",
    "speedup": "speedup",
    "net_energy_ratio": "net energy ratio",
    "energy_delay_ratio": "energy-delay ratio",
    "second_energy_ratio": "energy ratio",
}
_OF_PROJECTIONS = {
    "saved_energy_per_month": "energy saved a month",
    "saved_cost_per_month": "cost saved a month",
    "saved_co2e_per_month": "CO2e saved a month",
    "line": "",
}
_OF_CLAIMS = {
    "claim_published": "published",
    "claim_plausibility": "checks plausibility",
    "claim_derived": "derived",
}


class Latex:
    """Tables with booktabs and siunitx. Foreign text is set as it is, and starts no command."""

    name = "latex"
    about = (
        "For papers: booktabs tables of the results with siunitx, one file each, and a main file."
    )
    suffix = ".tex"

    def render(self, document: Document) -> Mapping[str, bytes]:
        rows = list(table(document))
        files = {
            f"{name}.tex": _table(title, head, cells, _stamps(rows, kinds))
            for name, title, head, cells, kinds in (
                (
                    "runs",
                    "Runs",
                    f"Run & Quantity & {_NUMBERS} & Quality",
                    _runs(rows),
                    ("measurement",),
                ),
                (
                    "comparisons",
                    "Comparisons: baseline over candidate",
                    f"Runs & Quantity & {_NUMBERS} & Verdict",
                    _named(rows, "comparison", _OF_COMPARISONS),
                    ("comparison",),
                ),
                (
                    "projections",
                    "Projections",
                    f"Scenario & Quantity & {_NUMBERS} & Formula",
                    _projections(rows),
                    ("projection",),
                ),
                (
                    "inputs",
                    "Inputs",
                    f"Input & Evidence & {_NUMBERS} & Source",
                    _inputs(rows),
                    ("projection",),
                ),
                (
                    "claims",
                    "Claims",
                    f"Claim & Figure & {_NUMBERS} & Verdict",
                    _claims(rows),
                    ("projection",),
                ),
                (
                    "studies",
                    "Studies",
                    f"Cell & Quantity & {_NUMBERS} & Variant",
                    _studies(rows),
                    ("study",),
                ),
                (
                    "grades",
                    "Rule books",
                    "Rule book & Aspect & & & Result",
                    _grades(rows),
                    ("grade",),
                ),
            )
            if cells
        }
        main = "\n".join(_main(document, list(files)))
        return {MAIN: main.encode("ascii")} | {
            name: content.encode("ascii") for name, content in files.items()
        }


Cells = Sequence[str]


def _runs(rows: Sequence[Row]) -> list[Cells]:
    return [
        (
            row.about.label,
            f"{_OF_RUNS[row.quantity]} {row.of}".strip(),
            *value_and_interval(row),
            row.quality,
        )
        for row in rows
        if row.about.kind == "measurement" and row.quantity in _OF_RUNS
        # a program without a stated work has no energy per work
        if row.of or row.quantity != "energy_per_work"
    ]


def _named(rows: Sequence[Row], kind: str, words: Mapping[str, str]) -> list[Cells]:
    return [
        (
            row.about.label,
            f"{words[row.quantity]} {row.of}".strip(),
            *value_and_interval(row),
            row.decided,
        )
        for row in rows
        if row.about.kind == kind and row.quantity in words
    ]


def _projections(rows: Sequence[Row]) -> list[Cells]:
    return [
        (
            row.about.label,
            f"{_OF_PROJECTIONS[row.quantity]} {row.of}".strip(),
            *value_and_interval(row),
            row.source,
        )
        for row in rows
        if row.about.kind == "projection" and row.quantity in _OF_PROJECTIONS
    ]


def _inputs(rows: Sequence[Row]) -> list[Cells]:
    return [
        (row.of, row.evidence, *value_and_interval(row), row.source)
        for row in rows
        if row.quantity == "input"
    ]


def _claims(rows: Sequence[Row]) -> list[Cells]:
    return [
        (
            row.of if row.variant in row.of else f"{row.of} ({row.variant})",
            _OF_CLAIMS[row.quantity],
            *value_and_interval(row),
            row.verdict,
        )
        for row in rows
        if row.quantity in _OF_CLAIMS
    ]


def _studies(rows: Sequence[Row]) -> list[Cells]:
    return [
        (row.of, _OF_STUDIES[row.quantity], *value_and_interval(row), row.variant)
        for row in rows
        if row.about.kind == "study" and row.quantity in _OF_STUDIES
    ]


def _grades(rows: Sequence[Row]) -> list[Cells]:
    return [
        (f"{row.about.label}: {row.of}", row.variant or "grade", "", "", row.decided)
        for row in rows
        if row.about.kind == "grade"
    ]


def _stamps(rows: Sequence[Row], kinds: Sequence[str]) -> list[str]:
    """The stamps of the results of some kinds, a line for each result."""
    stamped = {row.about: None for row in rows if row.about.kind in kinds and row.about.stamped}
    return list(dict.fromkeys(f"{about.label}: {about.stamped}." for about in stamped))


def _table(title: str, head: str, rows: Sequence[Cells], stamps: Sequence[str]) -> str:
    """A tabular, or a longtable for more rows than a page has, below the stamps of its results,
    because a paper takes over a single table. The third and fourth cell of a row are LaTeX, the
    other cells are text.
    """
    columns = (
        r"@{}>{\raggedright\arraybackslash}p{0.2\linewidth}"
        r">{\raggedright\arraybackslash}p{0.19\linewidth}"
        r"ll>{\raggedright\arraybackslash}p{0.2\linewidth}@{}"
    )
    environment = "longtable" if len(rows) > MOST_ON_A_PAGE else "tabular"
    lines = [
        f"% {title}. Needs the packages array, booktabs, siunitx and longtable.",
        CHARACTER,
        *(rf"\noindent{{\footnotesize {escape(words, MOST_SHOWN)}\par}}" for words in stamps),
        *([r"\smallskip\noindent"] if stamps else []),
        rf"\begin{{{environment}}}{{{columns}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *([r"\endhead"] if environment == "longtable" else []),
    ]
    before = ""
    for first, second, value, interval, last in rows:
        # the name of a result stands once
        name = "" if first == before else escape(first)
        before = first
        cells = (name, escape(second), value, interval, escape(last))
        lines.append(rf"{' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", rf"\end{{{environment}}}", ""])


def _main(document: Document, files: Sequence[str]) -> Iterator[str]:
    yield r"\documentclass[a4paper]{article}"
    yield r"\usepackage[T1]{fontenc}"
    yield r"\usepackage{textcomp}"
    yield r"\usepackage[margin=2cm]{geometry}"
    yield r"\usepackage{array,booktabs,longtable}"
    yield r"\usepackage{siunitx}"
    yield CHARACTER
    yield r"\begin{document}"
    yield rf"\section*{{{escape(line(document.title))}}}"
    for note in filter(None, (*map(line, document.notes), unused_labels(document))):
        yield rf"\noindent {escape(note, MOST_SHOWN)}\par"
    if document.publication is not None:
        yield from _publication(document.publication, document.created_utc)
    for file in files:
        yield rf"\bigskip\noindent\input{{{file}}}\par"
    if not files:
        yield "This document contains no results."
    yield from _doubts(weaknesses(document, labels(document.of(Measurement))))
    yield r"\end{document}"
    yield ""


def _doubts(doubts: Sequence[Weakness]) -> Iterator[str]:
    """The doubts without repetition, under headings, with the weakened results."""
    if not doubts:
        return
    yield r"\subsection*{Doubts}\raggedright"
    yield r"\begin{itemize}"
    for doubt in doubts:
        title = doubt.title if doubt.title == doubt.code else f"{doubt.title} ({doubt.code})"
        messages = "; ".join(
            message + (f" ({', '.join(subjects)})" if subjects else "")
            for message, subjects in doubt.messages
        )
        yield (
            rf"\item \textbf{{{escape(title)}}}: {escape(messages, 2 * MOST_SHOWN)}. "
            rf"Remedy: {_ticked(doubt.remedy)}"
        )
    yield r"\end{itemize}"


def _ticked(text: str) -> str:
    """Words with the `commands` in backticks set as code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text, MOST_SHOWN)
    return "".join(
        rf"\texttt{{{escape(piece, MOST_SHOWN)}}}" if i % 2 else escape(piece, MOST_SHOWN)
        for i, piece in enumerate(pieces)
    )


def _publication(publication: Publication, created_utc: str) -> Iterator[str]:
    """The statements of the publisher and the footnotes, in the words of every format."""
    section = statements(publication, created_utc)
    yield rf"\subsection*{{{escape(section.title)}}}"
    yield rf"\noindent {escape(section.about)}\par"
    for part in section.tables:
        yield r"\begin{itemize}\raggedright"
        for name, stated in part.rows:
            note = f" ({escape(stated.note)})" if stated.note else ""
            yield rf"\item {escape(name.text)}: {escape(stated.text, MOST_SHOWN)}{note}"
        yield r"\end{itemize}"
