"""The verdicts of the field's rule books on a measurement, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.grading.rule_books import grade
from energybench.model import Aspect, Check, Measurement, RuleBook
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, Tone, plain

_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "unknown": "warn"}


class _Graded(NamedTuple):
    """Label and rule books of a measurement."""

    name: str
    books: tuple[RuleBook, ...]


def sections(
    measurements: Sequence[Measurement], names: Mapping[str, str]
) -> tuple[Section, Section]:
    """A compact table for every measurement; and every check, for the full report."""
    graded = [_Graded(names[m.id], grade(m).books) for m in measurements]
    return _compact(graded), _detailed(graded)


# ---------------------------------------------------------------- a row an aspect


def _compact(graded: Sequence[_Graded]) -> Section:
    about = (
        "The requirements of the field's rule books, aspect by aspect. A grade is given only if "
        "the result of every aspect is known. Figures are never rounded across a limit. "
        "`energybench grade` prints every check."
    )
    head = ("rule book", "aspect", "result", "what decides")
    tables = []
    brief = []
    for name, books in graded:
        rows = tuple(row for book in books for row in _aspect_rows(book))
        grades = " ".join(f"{book.name}: {_grade(book, 'no grade is given')}." for book in books)
        tables.append(Table(name, head, rows, grades))
        lines = "; ".join(f"{book.name}: {_grade(book, 'no grade')}" for book in books)
        brief.append(f"{name}: {lines}.")
    return Section("grade", "Rule books", about, tuple(tables), brief=tuple(brief))


def _grade(book: RuleBook, without: str) -> str:
    return f"{book.gives or without} ({plain(book.why)})"


def _aspect_rows(book: RuleBook) -> list[tuple[TableCell, ...]]:
    """A row for every aspect, with the levels of the aspect together."""
    rows: list[tuple[TableCell, ...]] = []
    for name in dict.fromkeys(aspect.name for aspect in book.aspects):
        levels = [aspect for aspect in book.aspects if aspect.name == name]
        rows.append((TableCell(book.name), TableCell(name), _result(levels), _deciding(levels)))
    return rows


def _result(levels: Sequence[Aspect]) -> TableCell:
    """'fail', or 'level 1 pass, 2 unknown, 3 fail'."""
    results = [aspect.result for aspect in levels]
    if len(set(results)) == 1:
        return TableCell(results[0], tone=_TONES[results[0]])
    words = ", ".join(f"{aspect.level} {aspect.result}" for aspect in levels)
    return TableCell(f"level {words}", tone="warn")


def _deciding(levels: Sequence[Aspect]) -> TableCell:
    """The checks that do not pass, with the requirements, at the lowest level with such checks.
    If every check passes: the findings at the lowest level.
    """
    for aspect in levels:
        requirements: dict[str, list[str]] = {}
        for check in aspect.checks:
            if check.result != "pass":
                requirements.setdefault(plain(check.found), []).append(plain(check.asked))
        if requirements:
            phrases = [
                f"{finding} (required: {'; '.join(words)})"
                for finding, words in requirements.items()
            ]
            return TableCell("; ".join(phrases), tone="prose")
    return TableCell("; ".join(plain(check.found) for check in levels[0].checks), tone="muted")


# ---------------------------------------------------------------- a row a check


def _detailed(graded: Sequence[_Graded]) -> Section:
    head = ("measurement", "rule book", "aspect", "level", "required", "found", "result")
    rows = tuple(
        (TableCell(name), *cells)
        for name, books in graded
        for book in books
        for cells in _checks(book)
    )
    all_books = [book for _, books in graded for book in books]
    editions = "; ".join(dict.fromkeys(book.edition for book in all_books))
    notes = " ".join(dict.fromkeys(note for book in all_books for note in book.notes))
    table = Table("", head, rows, f"Editions: {editions}. {notes}")
    about = "Every requirement of each rule book, beside the finding in the measurement."
    return Section("checks", "Rule books, check by check", about, (table,), detail=True)


def _checks(book: RuleBook) -> list[tuple[TableCell, ...]]:
    """A row for every check; equal checks of several levels share a row."""
    levels: dict[tuple[str, Check], list[str]] = {}
    for aspect in book.aspects:
        for check in aspect.checks:
            levels.setdefault((aspect.name, check), []).append(aspect.level)
    return [
        (
            TableCell(book.name),
            TableCell(name),
            TableCell(", ".join(filter(None, at))),
            TableCell(plain(check.asked)),
            TableCell(plain(check.found), tone="prose"),
            TableCell(check.result, tone=_TONES[check.result]),
        )
        for (name, check), at in levels.items()
    ]
