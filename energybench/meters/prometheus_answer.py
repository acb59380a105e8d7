"""A series of Prometheus' answer to a range query (/api/v1/query_range).

Source: Prometheus, "HTTP API", range vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.meters import boards, column_names, feeds, power_words, supply_sides
from energybench.meters.readings import (
    Choice,
    LoggedReading,
    Undecided,
    Unit,
    cell_unit,
    known_unit,
    states_unit,
    unit_of,
)
from energybench.meters.times import Times

_MOST_COMPARED = 64  # series of an answer, for pairwise comparison
_SAVE = "save the answer of /api/v1/query_range"


class Answer(NamedTuple):
    """The chosen series.

    what         the labels of the series as a text
    other_feeds  further feeds of the load in the answer
    says         content that the name or a label states, if the content is not the mean power or
                 the energy of the load; ""
    """

    what: str
    unit: Unit
    readings: list[LoggedReading]
    other_feeds: tuple[str, ...]
    says: str


def read(path: str, document: Any, choice: Choice) -> Answer:
    """Read the series that the choice selects. Raises BadInput."""
    if choice.column is not None:
        raise BadInput(
            "--column",
            "chooses a column of a CSV; this file is JSON",
            "--select label=value chooses a series",
        )
    result = _matrix(path, document)
    series = _chosen(result, choice, path)
    metric = series.get("metric")
    name = str(metric.get("__name__", "")) if isinstance(metric, dict) else ""
    labels = _texts(series)
    if choice.board:
        boards.check_labels(labels, choice.board, path)
    stated = cell_unit(labels.get("unit", "")) if known_unit(name) is None else None
    unit = unit_of(name or "(no name)", choice.unit or stated, path)
    values = series.get("values")
    if not isinstance(values, list):
        raise BadInput(
            path,
            "its series has no 'values'",
            "a histogram is not a power: query a gauge or a counter",
        )
    times = Times(path, choice, "value")
    readings = [_reading(path, place, pair, times) for place, pair in enumerate(values, 1)]
    return Answer(
        what=f"series {_labels(series)}",
        unit=unit,
        readings=readings,
        other_feeds=_other_feeds(series, result),
        says=_says(name, labels, result, choice),
    )


def _other_feeds(series: dict[str, Any], result: list[Any]) -> tuple[str, ...]:
    """The labels of further feeds of the load that draw power."""
    others: dict[str, None] = {}
    for one in result:
        other = feeds.other_feed(_texts(series), _texts(one)) if isinstance(one, dict) else ""
        if other:
            values = one.get("values")
            pairs = values if isinstance(values, list) else []
            if feeds.draws_power(
                str(pair[-1]) for pair in pairs if isinstance(pair, list) and pair
            ):
                others[other] = None
    return tuple(others)


def _says(name: str, labels: Mapping[str, str], result: list[Any], choice: Choice) -> str:
    """The content that the name or a label states, if the choice uses the series as something
    different; "".
    """
    text = column_names.says(name, choice.unit)
    text = text or _labels_say(labels, [_texts(one) for one in result if isinstance(one, dict)])
    stated = labels.get("unit", "")
    if not text and choice.unit and states_unit(stated) and cell_unit(stated) != choice.unit:
        text = f"readings in {stated}, of which --unit says {choice.unit}"
    text = text or supply_sides.labels_say(labels, choice.side)
    slice_of = choice.board and any(boards.is_slice(*pair) for pair in labels.items())
    return text or (boards.SLICE if slice_of else "")


def _labels_say(labels: Mapping[str, str], every: Sequence[Mapping[str, str]]) -> str:
    """The quantity, the statistic or the part of the load that a label states, if not mean power or
    energy of the whole load; "".
    """
    for label, value in labels.items():
        beside = [other[label] for other in every if label in other]
        other_quantity = power_words.of_value(label, value, beside)
        if other_quantity is not None and label != "__name__":
            return other_quantity
    return ""


def _texts(series: dict[str, Any]) -> dict[str, str]:
    """The labels of a series."""
    metric = series.get("metric")
    labels = metric if isinstance(metric, dict) else {}
    return {str(label): str(value) for label, value in labels.items()}


def _matrix(path: str, answer: Any) -> list[Any]:
    """The series of an answer. Raises BadInput."""
    if isinstance(answer, dict) and answer.get("status") == "error":
        raise BadInput(
            path,
            f"Prometheus answered with an error: {str(answer.get('error'))[:120]}",
            "query again",
        )
    data = answer.get("data") if isinstance(answer, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(result, list):
        raise BadInput(path, "is not an answer of Prometheus", f"{_SAVE}, or give CSV")
    kind = data.get("resultType")
    if kind != "matrix":
        raise BadInput(path, f"holds a {kind}, not a matrix", "query a range (/api/v1/query_range)")
    return result


def _chosen(result: list[Any], choice: Choice, path: str) -> dict[str, Any]:
    """The only series that the choice fits. Raises BadInput if none or several fit."""
    every = [series for series in result if isinstance(series, dict)]
    fitting = [series for series in every if _fits(series, choice)]
    if choice.board:
        board = choice.board
        of_board = [series for series in fitting if boards.holds(_texts(series).values(), board)]
        fitting = of_board or fitting
    if len(fitting) == 1:
        return fitting[0]
    what = f"holds {len(result)} series"
    if choice.select:
        chosen = ", ".join("=".join(pair) for pair in choice.select)
        what = f"{len(fitting)} of its {len(result)} series fit {chosen}"
    names = "; ".join(_labels(series) for series in every[:4])
    options = [("--select", pair) for pair in _telling(every, choice)]
    remedy = f"--select label=value for one of: {names or 'none'}"
    looked_at = [_texts(series) for series in (fitting or every)[:_MOST_COMPARED]]
    parts = any(feeds.other_feed(one, other) for one in looked_at for other in looked_at)
    if parts:
        remedy = "query their sum, if several of them feed the load (`sum by (instance) (…)`); "
        remedy += f"--select label=value, if one of them feeds all of it: {names}"
    raise Undecided(path, what, remedy, options, parts=parts)


def _telling(every: list[dict[str, Any]], choice: Choice) -> list[str]:
    """label=value pairs that occur in a single series. Pairs of series on the opposite side of the
    power supply are left out if further pairs remain.
    """
    pairs: dict[str, list[dict[str, str]]] = {}
    for series in every:
        labels = _texts(series)
        for label, value in labels.items():
            pairs.setdefault(f"{label}={value}", []).append(labels)
    single = {pair: labels[0] for pair, labels in pairs.items() if len(labels) == 1}
    texts = [_texts(series) for series in every]
    single = {pair: labels for pair, labels in single.items() if not _holds_other(labels, texts)}
    agree = [p for p, labels in single.items() if not supply_sides.labels_say(labels, choice.side)]
    return (agree or list(single))[:8]


def _holds_other(labels: Mapping[str, str], every: Sequence[Mapping[str, str]]) -> bool:
    other_quantity = power_words.contradiction(labels.get("__name__", ""))
    return other_quantity is not None or bool(_labels_say(labels, every))


def _reading(path: str, place: int, pair: Any, times: Times) -> LoggedReading:
    """The reading of a pair [seconds, "value"]. Raises BadInput."""
    if not isinstance(pair, list) or len(pair) != 2:
        seconds, value = None, None
    else:
        seconds, value = pair
    if not isinstance(seconds, int | float) or not isinstance(value, str):
        raise BadInput(f"{path} value {place}", 'is not [seconds, "value"]', _SAVE)
    return LoggedReading(place, times.of(repr(seconds), place), value)


def _fits(series: dict[str, Any], choice: Choice) -> bool:
    metric = series.get("metric")
    return isinstance(metric, dict) and all(
        metric.get(label) == value for label, value in choice.select
    )


def _labels(series: dict[str, Any]) -> str:
    """'node_power_watts{instance=n1, job=bmc}'"""
    metric = series.get("metric")
    labels = metric if isinstance(metric, dict) else {}
    pairs = (f"{key}={value}" for key, value in labels.items() if key != "__name__")
    return f"{labels.get('__name__', '')}{{{', '.join(pairs)}}}"
