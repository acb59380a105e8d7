"""OpenMetrics text, for Prometheus and what reads its format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from energybench.model import Document, Publication
from energybench.openmetrics_text import END, Sample, family
from energybench_reports.tables.row import Result, Row, line
from energybench_reports.tables.table import table

# Last part of a metric's name, by the unit of the table.
_UNITS = {
    "1": "ratio",
    "1/s": "per_second",
    "B": "bytes",
    "B/s": "bytes_per_second",
    "J": "joules",
    "J/B": "joules_per_byte",
    "J/flop": "joules_per_flop",
    "MWh": "megawatt_hours",
    "W": "watts",
    "flop": "flops",
    "flop/B": "flops_per_byte",
    "flop/s": "flops_per_second",
    "s": "seconds",
    "t": "tonnes",
}
# Quantities of a projection with a unit of ours; units of other quantities come from the scenario,
# differ from row to row, and are a label.
_OUR_UNITS = frozenset({"saved_energy_per_month", "saved_co2e_per_month"})


class OpenMetrics:
    """Gauges of value, low and high. A metric of an exact value has the label kind="exact" and no
    low and high; a metric of a number that was not measured does not exist.
    """

    name = "openmetrics"
    about = "For Prometheus and Grafana: OpenMetrics text with value, low and high of each number."
    suffix = ".om"

    def render(self, document: Document) -> bytes:
        families: dict[str, _Family] = {}
        results: dict[Result, None] = {}
        repeated: Counter[object] = Counter()
        grades: list[Sample] = []
        for row in table(document):
            results[row.about] = None
            if row.kind == "judgement":
                grades.append(Sample(_judgement(row), 1))
            for part, number in _parts(row):
                name, unit = _name(row, part)
                labels = _labels(row, unit)
                repeated[name, tuple(labels.items())] += 1
                # no two samples of a family have the same labels
                if (nth := repeated[name, tuple(labels.items())]) > 1:
                    labels["same"] = str(nth)
                families.setdefault(name, _Family(row.quantity, part, unit, [])).samples.append(
                    Sample(labels, number)
                )
        lines = family("energybench_result", _infos(results), "The results.", kind="info")
        if document.publication is not None:
            stated = [Sample(_statements(document.publication), 1)]
            about = "Statements of the publisher."
            lines += family("energybench_publication", stated, about, kind="info")
        if grades:
            lines += family("energybench_grade", grades, "Judgements of rule books.", kind="info")
        for name, one in families.items():
            about = f"{one.part} of {one.quantity.replace('_', ' ')}".strip()
            lines += family(name, one.samples, f"{about[0].upper()}{about[1:]}.", unit=one.unit)
        return "\n".join([*lines, END, ""]).encode()


class _Family(NamedTuple):
    quantity: str
    part: str
    unit: str
    samples: list[Sample]


def _parts(row: Row) -> Iterator[tuple[str, float]]:
    """Name of each number of a row, and the number. Low and high of an exact value are left out."""
    if row.value is not None:
        yield "value", row.value
    if row.kind != "exact":
        if row.low is not None:
            yield "low", row.low
        if row.high is not None:
            yield "high", row.high


def _name(row: Row, part: str) -> tuple[str, str]:
    """Name of the metric, and its unit; "" for a unit that is a label."""
    ours = row.about.kind != "projection" or row.quantity in _OUR_UNITS
    unit = _UNITS.get(row.unit, "") if ours else ""
    words = ["energybench", row.about.kind, row.quantity]
    if part != "value":
        words.append(part)
    # energy_ratio has its unit in its name; energy_low_joules has its unit at the end
    if unit and not (part == "value" and row.quantity.endswith(f"_{unit}")):
        words.append(unit)
    return "_".join(words), unit


def _labels(row: Row, unit: str) -> dict[str, str]:
    about = row.about
    labels = {
        "result": about.result,
        "label": about.label,
        "of": row.of,
        "variant": row.variant,
        "kind": row.kind,
        "verdict": row.decided,
        "quality": row.quality,
        "boundary": about.boundary,
    }
    if not unit:
        labels["unit"] = row.unit
    return {name: text for name, text in labels.items() if text}


def _judgement(row: Row) -> dict[str, str]:
    """Rule book, aspect ("" for the grade of the whole rule book) and result as labels."""
    about = row.about
    labels = {"result": about.result, "label": about.label}
    labels |= {"of": row.of, "variant": row.variant, "verdict": row.decided}
    return labels | ({"stamp_words": about.stamped} if about.stamped else {})


def _statements(publication: Publication) -> dict[str, str]:
    """The texts of a publication as labels."""
    texts = {field: getattr(publication, field) for field in publication.__struct_fields__}
    return {
        field: line(text)
        for field, text in texts.items()
        if isinstance(text, str) and field != "paper"
    }


def _infos(results: dict[Result, None]) -> list[Sample]:
    return [
        Sample(
            {
                "kind_of_result": about.kind,
                "result": about.result,
                "label": about.label,
                "host": about.host,
                "workload": about.workload,
                "problem": about.problem,
                "quality": about.known_as,
                "boundary": about.boundary,
                "doubts": about.doubts,
                "stamps": about.stamps,
                "stamp_words": about.stamped,
            },
            1,
        )
        for about in results
    ]
