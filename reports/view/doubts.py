"""Doubts in words: every doubt once, under a heading for the code and the remedy, with the results
that the doubt weakens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from energybench.data.doubt_catalogue import catalogue
from energybench.model import IN_FULL, Comparison, Document, Doubt, Measurement, Study
from energybench_reports.view.comparison import pair
from energybench_reports.view.layout import Weakness
from energybench_reports.view.projection import heading
from energybench_reports.view.wording import counted, plain


def weaknesses(document: Document, names: Mapping[str, str]) -> tuple[Weakness, ...]:
    """All doubts of the document, in order.

    A comparison or a projection may carry a doubt from an earlier result. The doubt stands once,
    under the label of the result in which the doubt arose. If a document has only one result, the
    name of the result is left out.

    names  name of each measurement, by id
    """
    headings: dict[tuple[str, str], dict[str, list[str]]] = {}
    for result, doubt in _all(document, names):
        origin = plain(doubt.about[-1]) if doubt.about else result
        messages = headings.setdefault((plain(doubt.code), plain(doubt.remedy)), {})
        origins = messages.setdefault(plain(doubt.own_message).rstrip("."), [])
        if origin not in origins:
            origins.append(origin)
    most = len(document.results) if document.all_in_full else IN_FULL
    only = "" if len(document.results) != 1 else next(iter(_names(document, names)))
    return tuple(
        Weakness(
            _title(code),
            code,
            remedy,
            _first(messages, most, only),
        )
        for (code, remedy), messages in headings.items()
    )


def _first(
    messages: Mapping[str, Sequence[str]], most: int, only: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The first messages with the names of their first results, and the number of further messages.

    only  name that is left out; "" if no name is
    """
    shown: list[tuple[str, tuple[str, ...]]] = []
    for message, origins in list(messages.items())[:most]:
        names = [origin for origin in origins if origin != only]
        more = [f"{len(names) - most} more"] if len(names) > most else []
        shown.append((message, (*names[:most], *more)))
    if len(messages) > most:
        shown.append((f"{counted(len(messages) - most, 'more message')} of this kind", ()))
    return tuple(shown)


def _title(code: str) -> str:
    """The heading of a code. A file of a later version may hold codes unknown to this version."""
    entry = catalogue().get(code)
    return code if entry is None else entry.title


def _all(document: Document, names: Mapping[str, str]) -> Iterator[tuple[str, Doubt]]:
    """Each doubt with the name of the result that holds the doubt."""
    for result, name in zip(document.results, _names(document, names), strict=True):
        for doubt in result.doubts:
            yield name, doubt


def _names(document: Document, names: Mapping[str, str]) -> Iterator[str]:
    """The name of each result."""
    for result in document.results:
        if isinstance(result, Measurement):
            yield names[result.id]
        elif isinstance(result, Comparison):
            yield " → ".join(pair(result))
        elif isinstance(result, Study):
            yield plain(result.label)
        else:
            yield heading(result)
