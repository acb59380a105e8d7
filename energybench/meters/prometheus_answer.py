"""A series of Prometheus' answer to a range query (/api/v1/query_range).

Source: Prometheus, "HTTP API", range vectors.
"""

from __future__ import annotations

from typing import Any

from energybench.errors import BadInput
from energybench.meters.readings import Choice, LoggedReading, Undecided, Unit, unit_of
from energybench.meters.times import Times

_SAVE = "save the answer of /api/v1/query_range"


def read(path: str, document: Any, choice: Choice) -> tuple[str, Unit, list[LoggedReading]]:
    """Series' name, unit and readings. Raises BadInput."""
    if choice.column is not None:
        raise BadInput(
            "--column",
            "chooses a column of a CSV; this file is JSON",
            "--select label=value chooses a series",
        )
    series = _chosen(_matrix(path, document), choice, path)
    metric = series.get("metric")
    name = str(metric.get("__name__", "")) if isinstance(metric, dict) else ""
    unit = unit_of(name or "(no name)", choice.unit, path)
    values = series.get("values")
    if not isinstance(values, list):
        raise BadInput(
            path,
            "its series has no 'values'",
            "a histogram is not a power: query a gauge or a counter",
        )
    times = Times(path, choice, "value")
    readings = [_reading(path, place, pair, times) for place, pair in enumerate(values, 1)]
    return f"series {_labels(series)}", unit, readings


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
    """The only series, or the only series that the choice fits. Raises BadInput."""
    every = [series for series in result if isinstance(series, dict)]
    fitting = [series for series in every if _fits(series, choice)]
    if len(fitting) == 1:
        return fitting[0]
    what = f"holds {len(result)} series"
    if choice.select:
        chosen = ", ".join("=".join(pair) for pair in choice.select)
        what = f"{len(fitting)} of its {len(result)} series fit {chosen}"
    names = "; ".join(_labels(series) for series in every[:4])
    options = [("--select", pair) for pair in _telling(every)]
    raise Undecided(path, what, f"--select label=value for one of: {names or 'none'}", options)


def _telling(every: list[dict[str, Any]]) -> list[str]:
    """label=value pairs that a single series has."""
    pairs: dict[str, int] = {}
    for series in every:
        metric = series.get("metric")
        for label, value in metric.items() if isinstance(metric, dict) else ():
            pairs[f"{label}={value}"] = pairs.get(f"{label}={value}", 0) + 1
    return [pair for pair, count in pairs.items() if count == 1][:8]


def _reading(path: str, place: int, pair: Any, times: Times) -> LoggedReading:
    """One [seconds, "value"]. Raises BadInput."""
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
