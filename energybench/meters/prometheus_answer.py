"""A series of what Prometheus answers at /api/v1/query_range.

Source: Prometheus, "HTTP API", range vectors.
"""

from __future__ import annotations

from typing import Any

from energybench.errors import BadInput
from energybench.meters.readings import Choice, Reading, Unit, unit_of
from energybench.meters.times import Times
from energybench.store import strict


def read(path: str, text: str, choice: Choice) -> tuple[str, Unit, list[Reading]]:
    """Series' name, unit and readings. Raises BadInput."""
    if choice.column is not None:
        raise BadInput(
            "--column",
            "chooses a column of a CSV; this file is JSON",
            "--select label=value chooses a series",
        )
    answer = strict.loads(text, path)
    if isinstance(answer, dict) and answer.get("status") == "error":
        raise BadInput(
            path,
            f"Prometheus answered with an error: {str(answer.get('error'))[:120]}",
            "query again",
        )
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("result"), list):
        raise BadInput(
            path, "is no answer of Prometheus", "save what /api/v1/query_range answers, or give CSV"
        )
    if data.get("resultType") != "matrix":
        raise BadInput(
            path,
            f"holds a {data.get('resultType')}, not a matrix",
            "query a range (/api/v1/query_range)",
        )
    series = [each for each in data["result"] if isinstance(each, dict) and _fits(each, choice)]
    if len(series) != 1:
        seen = "; ".join(_labels(each) for each in data["result"][:4] if isinstance(each, dict))
        chosen = "=".join(choice.select) if choice.select else ""
        what = (
            f"{len(series)} of its {len(data['result'])} series fit {chosen}"
            if chosen
            else f"holds {len(data['result'])} series"
        )
        raise BadInput(path, what, f"--select label=value for one of: {seen or 'none'}")
    name = str(series[0].get("metric", {}).get("__name__", ""))
    unit = unit_of(name or "(no name)", choice.unit, path)
    values = series[0].get("values")
    if not isinstance(values, list):
        raise BadInput(
            path,
            "its series has no 'values'",
            "histograms are no power: query a gauge or a counter",
        )
    times = Times(path, choice.timezone, "value")
    readings = []
    for i, pair in enumerate(values, 1):
        if not (
            isinstance(pair, list)
            and len(pair) == 2
            and isinstance(pair[0], int | float)
            and isinstance(pair[1], str)
        ):
            raise BadInput(
                f"{path} value {i}",
                'is not [seconds, "value"]',
                "save what /api/v1/query_range answers",
            )
        readings.append(Reading(i, times.of(repr(pair[0]), i), pair[1]))
    return f"series {_labels(series[0])}", unit, readings


def _fits(series: dict[str, Any], choice: Choice) -> bool:
    if choice.select is None:
        return True
    metric = series.get("metric")
    return isinstance(metric, dict) and metric.get(choice.select[0]) == choice.select[1]


def _labels(series: dict[str, Any]) -> str:
    metric = series.get("metric")
    rest = metric if isinstance(metric, dict) else {}
    return (
        str(rest.get("__name__", ""))
        + "{"
        + ", ".join(f"{key}={value}" for key, value in rest.items() if key != "__name__")
        + "}"
    )
