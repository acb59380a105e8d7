"""Doubts in words: each once, under one heading a code and remedy, with the results that it
weakens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from energybench.model import Comparison, Document, Doubt, Measurement, Study
from energybench_reports.view.comparison import pair
from energybench_reports.view.layout import Weakness
from energybench_reports.view.projection import heading
from energybench_reports.view.wording import plain


def weaknesses(document: Document, names: Mapping[str, str]) -> tuple[Weakness, ...]:
    """All doubts in the order given.

    What a comparison or a projection only carries on is its origin's, said once.
    """
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for subject, doubt in _all(document, names):
        origin, message = _origin(doubt.message, _carriers(document))
        subjects = found.setdefault((plain(doubt.code), plain(doubt.remedy)), {}).setdefault(
            plain(message).rstrip("."), []
        )
        if (origin or subject) not in subjects:
            subjects.append(origin or subject)
    return tuple(
        Weakness(code, remedy, tuple((message, tuple(about)) for message, about in said.items()))
        for (code, remedy), said in found.items()
    )


def _all(document: Document, names: Mapping[str, str]) -> Iterator[tuple[str, Doubt]]:
    for result in document.results:
        if isinstance(result, Measurement):
            subject = names[result.id]
        elif isinstance(result, Comparison):
            subject = " → ".join(pair(result))
        elif isinstance(result, Study):
            subject = plain(result.label)
        else:
            subject = heading(result)
        for doubt in result.doubts:
            yield subject, doubt


def _carriers(document: Document) -> tuple[str, ...]:
    """What a carried doubt begins with: the label of a side, or of a comparison.

    The longest first.
    """
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    known = {
        label
        for comparison in comparisons
        for label in (*comparison.labels, " → ".join(comparison.labels))
    }
    known |= {measurement.label for measurement in document.of(Measurement)}
    return tuple(
        sorted((label for label in known if label), key=lambda label: (-len(label), label))
    )


def _origin(message: str, carriers: tuple[str, ...]) -> tuple[str, str]:
    """Where a carried doubt comes from ('' where it is the result's own), and its message without
    those labels.
    """
    origin = ""
    while label := next((label for label in carriers if message.startswith(f"{label}: ")), ""):
        origin, message = plain(label), message[len(label) + 2 :]
    return origin, message
