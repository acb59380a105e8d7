"""Doubts in words: each once, under one heading for its code and remedy, with the results that the
doubt weakens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from energybench.model import Comparison, Document, Doubt, Measurement, Study
from energybench_reports.view.comparison import pair
from energybench_reports.view.layout import Weakness
from energybench_reports.view.projection import heading
from energybench_reports.view.wording import plain


def weaknesses(document: Document, names: Mapping[str, str]) -> tuple[Weakness, ...]:
    """All doubts of the document, in order.

    A doubt that a comparison or a projection carries from another result stands once, under the
    label of the result in which it arose.

    names  the name of each measurement, by its id
    """
    headings: dict[tuple[str, str], dict[str, list[str]]] = {}
    for result, doubt in _all(document, names):
        origin = plain(doubt.about[-1]) if doubt.about else result
        messages = headings.setdefault((plain(doubt.code), plain(doubt.remedy)), {})
        origins = messages.setdefault(plain(doubt.own_message).rstrip("."), [])
        if origin not in origins:
            origins.append(origin)
    return tuple(
        Weakness(
            code,
            remedy,
            tuple((message, tuple(origins)) for message, origins in messages.items()),
        )
        for (code, remedy), messages in headings.items()
    )


def _all(document: Document, names: Mapping[str, str]) -> Iterator[tuple[str, Doubt]]:
    """Each doubt with the name of the result that holds it."""
    for result in document.results:
        if isinstance(result, Measurement):
            name = names[result.id]
        elif isinstance(result, Comparison):
            name = " → ".join(pair(result))
        elif isinstance(result, Study):
            name = plain(result.label)
        else:
            name = heading(result)
        for doubt in result.doubts:
            yield name, doubt
