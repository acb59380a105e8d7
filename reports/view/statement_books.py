"""The rule books of a statement: what each book says of all runs together, aspect by aspect."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.grading.rule_books import grade
from energybench.model import Document, Measurement, RuleBook
from energybench_reports.view.wording import plain


def rule_books(
    document: Document, runs: Sequence[Measurement]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(rule book, aspects by result) over all runs together, and the legends of the books."""
    stated = {entry.measurement: entry for entry in document.grades}
    books: dict[str, list[RuleBook]] = {}
    for run in runs:
        for book in (stated.get(run.id) or grade(run)).books:
            books.setdefault(plain(book.name), []).append(book)
    legends = dict.fromkeys(
        plain(book.legend) for entries in books.values() for book in entries if book.legend
    )
    return tuple((name, _aspects(entries)) for name, entries in books.items()), tuple(legends)


def _aspects(books: Sequence[RuleBook]) -> str:
    """'level 1: fails 3 subsystems; passes 1 granularity; not known 2 fraction'."""
    worst: dict[str, str] = {}
    order = ("pass", "unknown", "fail")
    level = next((aspect.level for book in books for aspect in book.aspects), "")
    for book in books:
        for aspect in book.aspects:
            if aspect.level == level:
                name = plain(aspect.name)
                worst[name] = max(worst.get(name, "pass"), aspect.result, key=order.index)
    words = {"fail": "fails", "unknown": "not known", "pass": "passes"}
    parts = [
        f"{words[result]}: {', '.join(names)}"
        for result in ("fail", "unknown", "pass")
        if (names := [name for name, worst_result in worst.items() if worst_result == result])
    ]
    return f"{f'level {level}: ' if level else ''}{'; '.join(parts)}"
