"""The energy of one test as a small record of plain numbers, which travels from a worker of xdist
and is printed. The form in pytest-benchmark's JSON is that of energybench.gating.benchmark_file.

Keys, all optional but `test` and `label`:

    test, label  node id of the test; name of the use of the fixture in it, "" for the only one
    group        group in the table
    why          why there is no energy
    energy_j, power_w, time_s         [value, low, high] of one iteration, 95 % intervals
    components_j                      {component: [value, low, high]} of one iteration
    calls, windows, window_s          calls in a window, number of windows, mean length of a window
    boundary, quality                 "compute", "measured" or "estimated"
    others       other programs that were busy
    doubts       codes of further doubts
    in_place     True: the test's own calls were measured, and nothing can be measured again
    notes        what the plugin itself has to say
    max_j, max_regression             limits that the test's marker states
    unpassed     that the test did not pass, in words
    not_alone    that other tests ran beside the test, in words; neither judged nor saved
    no_gate      why no gate judges the test, in words: its marker cannot be read
    ci, ci_again record of a gate, as in energybench.gating.records, and that of a second
                 measurement to confirm a failure

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from energybench.api.later_work import later_work

if TYPE_CHECKING:
    from energybench.model import Estimate, Measurement

Record = dict[str, Any]

_DIGITS = 6  # significant digits of a number
_MOST_TEXT = 160  # characters of a reason or of the list of other programs
_MOST_NOTES = 4
# Doubts that every short measurement of a function has, and doubts that the line tells in words.
_STANDING = frozenset(
    {
        "estimated",
        "estimated-cpu",
        "idle-accelerators",
        "idle-unknown",
        "other-load",
        "single-repeat",
        "unverified",
        "work-unproven",
    }
)


def full_name(record: Record) -> str:
    """The name of a use of a test in the verdicts of the gates."""
    return f"{record['test']} {record['label']}".strip()


def of_refusal(record: Record, why: str) -> Record:
    """A record without energy."""
    return {**record, "why": short(why)}


def of_measurement(record: Record, measurement: Measurement) -> Record:
    """The record with the energy of one iteration."""
    per_call = measurement.energy_per_work_j
    if per_call is None or measurement.work is None:
        reasons = [doubt.message for doubt in measurement.doubts]
        return of_refusal(record, reasons[0] if reasons else "no sensor gave a reading")
    calls = measurement.work.amount
    codes = sorted({doubt.code for doubt in measurement.doubts} - _STANDING)
    others = [doubt.message for doubt in measurement.doubts if doubt.code == "other-load"]
    full: Record = {
        **record,
        "energy_j": triple(per_call),
        "power_w": None if measurement.power_w is None else triple(measurement.power_w),
        "time_s": triple(measurement.time_s, calls),
        "components_j": {
            component: triple(energy_j, calls)
            for component, energy_j in measurement.components_j.items()
        },
        "calls": calls,
        "windows": len(measurement.repeats),
        "window_s": _rounded(measurement.time_s.value),
        "boundary": measurement.boundary.name,
        "quality": measurement.quality,
        "others": short(others[0]) if others else None,
        "doubts": codes,
    }
    return {key: value for key, value in full.items() if value not in (None, [], {})}


def triple(estimate: Estimate, divisor: float = 1.0) -> list[float]:
    """Value and both ends of the interval."""
    return [_rounded(x / divisor) for x in (estimate.value, estimate.low, estimate.high)]


def short(text: str) -> str:
    """One line that is not long."""
    from energybench.foreign_text import visible

    line = visible(" ".join(str(text).split()))
    return line if len(line) <= _MOST_TEXT else line[: _MOST_TEXT - 1] + "…"


def note(record: Record, text: str) -> None:
    """Add a note of the plugin."""
    notes = record.setdefault("notes", [])
    if len(notes) < _MOST_NOTES:
        notes.append(short(text))


def note_later_work(record: Record, result: object) -> None:
    """Say that the calls did no work yet, if the result of a call shows that."""
    kind = later_work(result)
    if kind == "coroutine":
        note(record, "coroutines are made and not awaited: use energy_benchmark(function)")
    elif kind is not None:
        note(record, f"{kind}s are made and not run: give a function that runs the loop")


def is_estimated(record: Record) -> bool:
    return bool(record.get("quality") == "estimated")


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
