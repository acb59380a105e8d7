"""Records of tests in the formats of other tools of continuous integration. Pure.

A test without energy stands in the table for people, and in no other format: they have no word for
"not measured", and 0 J would be wrong.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from energybench.errors import BadInput
from energybench.foreign_text import unicode_text, visible
from energybench.gating.records import Record
from energybench.gating.verdicts import GateVerdict
from energybench.model import Estimate
from energybench.openmetrics_text import END, Sample, family
from energybench.units import show

# The energy of a part of the work, or of wrong work, is not the energy of the test.
_CUT = "not measured: the run ended before its work was done"
_FAILED = "not the energy of the work: a check of the run failed"
_SINGLE = "its interval holds no scatter between rounds"
# Characters that Markdown or HTML would obey in a cell (GitHub Flavored Markdown, 6.1 and 4.10).
_OBEYED = {ord(sign): f"&#{ord(sign)};" for sign in "|<>&`*_[]\\~"}


def github(records: Sequence[Record], verdicts: Sequence[GateVerdict] = ()) -> str:
    """A table in Markdown for $GITHUB_STEP_SUMMARY. With verdicts: a column of verdicts."""
    by_name = {verdict.name: verdict for verdict in verdicts}
    head = ["test", "energy per iteration", "rounds", "quality", "measured"]
    head += ["gate"] if by_name else []
    rows = [head, ["---"] * len(head)]
    for record in records:
        row = [
            _cell(record.name),
            _without(record) or show(_estimate(record), "J"),
            *(["", "", ""] if _without(record) else _evidence(record)),
        ]
        if by_name:
            verdict = by_name.get(record.name)
            row.append(_cell(verdict.line.removeprefix(f"{record.name}: ")) if verdict else "")
        rows.append(row)
    lines = ["### Energy of the tests", "", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def action_benchmark(records: Sequence[Record]) -> str:
    """A list for github-action-benchmark's tool customSmallerIsBetter; its `range` is a text that
    stands beside the value, here the interval. An estimate has a name of its own: the tool draws
    one series for a name, and would compare an estimate with a measurement.
    """
    entries = [
        {
            "name": unicode_text(record.name) + _mark(record),
            "unit": "J",
            "value": energy.value,
            "range": f"[{energy.low:.6g}, {energy.high:.6g}]",
            "extra": f"{_counted(record.rounds)}, {record.quality}",
        }
        for record, energy in _measured(records)
    ]
    return _json(entries)


def bencher(records: Sequence[Record]) -> str:
    """Bencher Metric Format: measure `energy` in J, with the interval as its bounds. An estimate is
    another measure, because the format has no word for its quality.
    """
    metrics = {
        unicode_text(record.name): {
            "energy-estimated" if record.quality == "estimated" else "energy": {
                "value": energy.value,
                "lower_value": energy.low,
                "upper_value": energy.high,
            }
        }
        for record, energy in _measured(records)
    }
    return _json(metrics)


def openmetrics(records: Sequence[Record]) -> str:
    """OpenMetrics 1.0 text, as GitLab's metrics reports read it: gauges of value, low and high."""
    families: tuple[tuple[str, str, Callable[[Estimate], float]], ...] = (
        ("energy", "Energy of one iteration of a test", lambda energy: energy.value),
        ("energy_low", "Lower end of its 95 % interval", lambda energy: energy.low),
        ("energy_high", "Upper end of its 95 % interval", lambda energy: energy.high),
    )
    lines = []
    for name, about, value_of in families:
        samples = [
            Sample({"test": record.name, "quality": record.quality or ""}, value_of(energy))
            for record, energy in _measured(records)
        ]
        full_name = f"energybench_test_{name}_joules"
        lines += family(full_name, samples, f"{about}.", unit="joules")
    return "\n".join([*lines, END]) + "\n"


def table(records: Sequence[Record]) -> str:
    """Tidy CSV: a row for each quantity of a test. A value that was not measured is an empty cell;
    a measured part has the mean energy of its windows, whose interval the record does not hold.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("test", "quantity", "value", "low", "high", "unit", "quality"))
    for record in records:
        name, quality = visible(record.name), record.quality or ""
        energy = None if _without(record) else _estimate(record)
        numbers = ("", "", "") if energy is None else (energy.value, energy.low, energy.high)
        writer.writerow((name, "energy per iteration", *numbers, "J", quality))
        if energy is None:
            continue
        for component in sorted(record.windows_j):
            cells = (f"energy per iteration of {component}", record.mean_j(component), "", "")
            writer.writerow((name, *cells, "J", "measured"))
        if record.rounds:
            writer.writerow((name, "windows", record.rounds, "", "", "", ""))
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "github": github,
    "action-benchmark": action_benchmark,
    "bencher": bencher,
    "openmetrics": openmetrics,
    "csv": table,
}


def summary(records: Sequence[Record], name: str) -> str:
    """The records in a format. If a test has several records, the last one counts, because these
    formats have one value for a name. Raises BadInput for another format.
    """
    if name not in FORMATS:
        raise BadInput(f"--format {name}", "is not a format", ", ".join(FORMATS))
    last = {record.name: record for record in records}
    return FORMATS[name](list(last.values()))


def _mark(record: Record) -> str:
    return " (estimated)" if record.quality == "estimated" else ""


def _without(record: Record) -> str:
    """Why the record has no energy of the work; "" if it has."""
    if record.cut:
        return _CUT
    return _FAILED if record.failed else ""


def _measured(records: Sequence[Record]) -> list[tuple[Record, Estimate]]:
    pairs = ((record, _estimate(record)) for record in records if not _without(record))
    return [(record, energy) for record, energy in pairs if energy is not None]


def _evidence(record: Record) -> list[str]:
    """Cells of the rounds, of the quality and of the measured components."""
    rounds = f"1 ({_SINGLE})" if record.rounds == 1 else str(record.rounds or "")
    return [rounds, record.quality or "", _cell(" + ".join(sorted(record.windows_j)))]


def _counted(rounds: int) -> str:
    return f"1 round ({_SINGLE})" if rounds == 1 else f"{rounds} rounds"


def _estimate(record: Record) -> Estimate | None:
    if record.energy_j is None:
        return None
    value, low, high = record.energy_j
    return Estimate(value=value, low=low, high=high)


def _cell(text: str) -> str:
    return visible(text).translate(_OBEYED)


def _json(content: object) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
