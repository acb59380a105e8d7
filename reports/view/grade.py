"""The verdicts of the field's rule books in words, once for all measurements of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from energybench.grading.rule_books import grade
from energybench.model import Aspect, Check, Document, Measurement, RuleBook
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, Tone, counted, listed, plain

_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "unknown": "warn"}
_MOST_NAMES = 3  # runs that are named; more are counted
_ABOUT = (
    "The requirements of the field's rule books, for the runs of this page together. A grade is "
    "given only if no unknown result can change it. Figures are never rounded across a limit. "
    "`energybench grade` prints every check."
)


class _Graded(NamedTuple):
    """Label of a measurement, and one rule book about it."""

    run: str
    book: RuleBook


def section(document: Document, names: Mapping[str, str], *, detail: bool) -> Section:
    """The rule books, once a page: a row for every check in a full report, else for every aspect.

    Grades in the document are taken as they are; measurements without one are graded.
    Grades of measurements that are not in the document follow.
    """
    stated = {entry.measurement: entry for entry in document.grades}
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    books: dict[str, list[_Graded]] = {}
    for m in measurements:
        for book in (stated.get(m.id) or grade(m)).books:
            books.setdefault(book.name, []).append(_Graded(names[m.id], book))
    of_others = [entry for entry in document.grades if entry.measurement not in names]
    # the runs themselves, whose headlines have the stamps, are not on the page
    stamped = dict.fromkeys(
        f"{plain(entry.label) or plain(entry.measurement)}: "
        f"{'; '.join(plain(stamp.words) for stamp in entry.stamps)}."
        for entry in of_others
        if entry.stamps
    )
    for entry in of_others:
        for book in entry.books:
            name = plain(entry.label) or plain(entry.measurement)
            books.setdefault(book.name, []).append(_Graded(name, book))
    graded = list(books.values())
    legends = tuple(dict.fromkeys(plain(entry.book.legend) for book in graded for entry in book))
    grades = (f"{_grades(book, 'no grade')}." for book in graded)
    brief = tuple(filter(None, (" ".join(stamped), *grades, *legends)))
    about = " ".join(filter(None, (*stamped, _ABOUT)))
    table = _detailed(graded) if detail else _compact(graded)
    return Section("grade", "Rule books", about, (table,), brief=brief)


def _below(books: Sequence[Sequence[_Graded]], *notes: str) -> str:
    """The grades by each rule book, notes, and the statements of the owners of names."""
    grades = (f"{_grades(book, 'no grade is given')}." for book in books)
    legends = dict.fromkeys(plain(entry.book.legend) for book in books for entry in book)
    return " ".join(filter(None, (*grades, *notes, *legends)))


def _grouped(said: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(words, runs of whom the words are true) for (run, words); runs are "" for all of them."""
    runs: dict[str, list[str]] = {}
    for run, words in said:
        runs.setdefault(words, []).append(run)
    if len(runs) == 1:
        return [(words, "") for words in runs]
    return [(words, _run_words(names)) for words, names in runs.items()]


def _run_words(names: Sequence[str]) -> str:
    return listed(names) if len(names) <= _MOST_NAMES else counted(len(names), "run")


def _together(said: Sequence[tuple[str, str]]) -> str:
    """'a' if the words of all runs are equal; else 'one run: a; 5 runs: b'."""
    return "; ".join(f"{runs}: {words}" if runs else words for words, runs in _grouped(said))


# ---------------------------------------------------------------- a row an aspect


def _compact(books: Sequence[Sequence[_Graded]]) -> Table:
    head = ("rule book", "aspect", "result", "what decides")
    rows = tuple(row for graded in books for row in _aspect_rows(graded))
    return Table("", head, rows, _below(books))


def _grades(graded: Sequence[_Graded], without: str) -> str:
    """'EE HPC WG: level 1 (every aspect passes)'."""
    results = [(run, f"{book.gives or without} ({plain(book.why)})") for run, book in graded]
    return f"{plain(graded[0].book.name)}: {_together(results)}"


def _aspect_rows(graded: Sequence[_Graded]) -> Iterator[tuple[TableCell, ...]]:
    """A row for every aspect, with the levels of the aspect together."""
    names = dict.fromkeys(aspect.name for _, book in graded for aspect in book.aspects)
    for name in names:
        levels = [
            (run, [aspect for aspect in book.aspects if aspect.name == name])
            for run, book in graded
        ]
        results = [(run, _result(aspects)) for run, aspects in levels]
        findings = [(run, _deciding(aspects)) for run, aspects in levels]
        yield (
            TableCell(plain(graded[0].book.name)),
            TableCell(plain(name)),
            TableCell(_together(results), tone=_tone(results)),
            TableCell(_together(findings), tone="prose"),
        )


def _tone(results: Sequence[tuple[str, str]]) -> Tone:
    different = {words for _, words in results}
    return _TONES.get(different.pop(), "warn") if len(different) == 1 else "warn"


def _result(levels: Sequence[Aspect]) -> str:
    """'fail', or 'level 1 pass, 2 unknown, 3 fail'."""
    results = [aspect.result for aspect in levels]
    if len(set(results)) == 1:
        return results[0]
    words = ", ".join(f"{aspect.level} {aspect.result}" for aspect in levels)
    return f"level {words}"


def _deciding(levels: Sequence[Aspect]) -> str:
    """The checks that do not pass, with the requirements, at the lowest level with such checks.
    If every check passes: the findings at the lowest level.
    """
    for aspect in levels:
        requirements: dict[str, list[str]] = {}
        for check in aspect.checks:
            if check.result != "pass":
                requirements.setdefault(plain(check.found), []).append(plain(check.asked))
        if requirements:
            return "; ".join(
                f"{finding} (required: {'; '.join(words)})"
                for finding, words in requirements.items()
            )
    return "; ".join(plain(check.found) for aspect in levels[:1] for check in aspect.checks)


# ---------------------------------------------------------------- a row a check


def _detailed(books: Sequence[Sequence[_Graded]]) -> Table:
    head = ("rule book", "aspect", "level", "required", "found", "result")
    rows = tuple(row for graded in books for row in _check_rows(graded))
    entries = [entry.book for graded in books for entry in graded]
    editions = "; ".join(dict.fromkeys(plain(book.edition) for book in entries))
    notes = dict.fromkeys(plain(note) for book in entries for note in book.notes)
    return Table("", head, rows, _below(books, f"Editions: {editions}.", *notes))


def _check_rows(graded: Sequence[_Graded]) -> Iterator[tuple[TableCell, ...]]:
    """A row for every requirement; equal requirements of several levels share a row."""
    levels: dict[tuple[str, str], list[str]] = {}
    checks: dict[tuple[str, str], list[tuple[str, Check]]] = {}
    for run, book in graded:
        for aspect in book.aspects:
            for check in aspect.checks:
                key = (plain(aspect.name), plain(check.asked))
                at = levels.setdefault(key, [])
                if aspect.level and aspect.level not in at:
                    at.append(aspect.level)
                if (run, check) not in checks.setdefault(key, []):
                    checks[key].append((run, check))
    for (name, asked), at in levels.items():
        run_checks = checks[name, asked]
        results = [(run, check.result) for run, check in run_checks]
        yield (
            TableCell(plain(graded[0].book.name)),
            TableCell(name),
            TableCell(", ".join(at)),
            TableCell(asked),
            TableCell(
                _together([(run, plain(check.found)) for run, check in run_checks]), tone="prose"
            ),
            TableCell(_together(results), tone=_tone(results)),
        )
