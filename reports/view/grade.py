"""What the rule books would say of each measurement, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.grading.rule_books import grade
from energybench.model import Aspect, Check, Measurement, RuleBook
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import Cell, Tone, plain

_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "unknown": "warn"}


def sections(
    measurements: Sequence[Measurement], names: Mapping[str, str]
) -> tuple[Section, Section]:
    """A compact table a measurement; and every check, for the full report."""
    graded = [(names[m.id], grade(m).books) for m in measurements]
    about = (
        "Aspect by aspect, for there is no one level to print: a grade is given only where every "
        "aspect is known. Figures are never rounded across a limit. "
        "`energybench grade` prints every check."
    )
    brief = [f"{name}: {'; '.join(_line(book) for book in books)}." for name, books in graded]
    compact = tuple(
        Table(name, ("rule book", "aspect", "result", "what decides"), _rows(books), _given(books))
        for name, books in graded
    )
    head = ("measurement", "rule book", "aspect", "level", "asked", "found", "result")
    rows = tuple(
        (Cell(name), *cells) for name, books in graded for book in books for cells in _checks(book)
    )
    notes = " ".join(
        dict.fromkeys(note for _, books in graded for book in books for note in book.notes)
    )
    editions = "; ".join(dict.fromkeys(book.edition for _, books in graded for book in books))
    checks = Table("", head, rows, f"Editions: {editions}. {notes}")
    return (
        Section("grade", "Rule books", about, compact, brief=tuple(brief)),
        Section(
            "checks",
            "Rule books, check by check",
            "What each asks and what the measurement has.",
            (checks,),
            detail=True,
        ),
    )


def _line(book: RuleBook) -> str:
    return f"{book.name}: {book.gives or 'no grade'} ({plain(book.why)})"


def _given(books: Sequence[RuleBook]) -> str:
    return " ".join(
        f"{book.name}: {book.gives or 'no grade is given'} ({plain(book.why)})." for book in books
    )


def _rows(books: Sequence[RuleBook]) -> tuple[tuple[Cell, ...], ...]:
    """One row an aspect, its levels together."""
    rows = []
    for book in books:
        for name in dict.fromkeys(aspect.name for aspect in book.aspects):
            levels = [aspect for aspect in book.aspects if aspect.name == name]
            rows.append((Cell(book.name), Cell(name), _result(levels), _decides(levels)))
    return tuple(rows)


def _result(levels: Sequence[Aspect]) -> Cell:
    """'fail', or 'level 1 pass, 2 unknown, 3 fail'."""
    results = [aspect.result for aspect in levels]
    if len(set(results)) == 1:
        return Cell(results[0], tone=_TONES[results[0]])
    return Cell(
        "level " + ", ".join(f"{aspect.level} {aspect.result}" for aspect in levels), tone="warn"
    )


def _decides(levels: Sequence[Aspect]) -> Cell:
    """What does not pass at the lowest level, with what is asked there, and else at the next; what
    was found where all passes.
    """
    for aspect in levels:
        odd = [check for check in aspect.checks if check.result != "pass"]
        asked: dict[str, list[str]] = {}
        for check in odd:
            asked.setdefault(plain(check.found), []).append(plain(check.asked))
        if asked:
            return Cell(
                "; ".join(f"{found} (asked: {'; '.join(what)})" for found, what in asked.items()),
                tone="prose",
            )
    return Cell("; ".join(plain(check.found) for check in levels[0].checks), tone="muted")


def _checks(book: RuleBook) -> list[tuple[Cell, ...]]:
    """One row a check; what reads the same at several levels stands once."""
    levels: dict[tuple[str, Check], list[str]] = {}
    for aspect in book.aspects:
        for check in aspect.checks:
            levels.setdefault((aspect.name, check), []).append(aspect.level)
    return [
        (
            Cell(book.name),
            Cell(name),
            Cell(", ".join(filter(None, at))),
            Cell(plain(check.asked)),
            Cell(plain(check.found), tone="prose"),
            Cell(check.result, tone=_TONES[check.result]),
        )
        for (name, check), at in levels.items()
    ]
