"""The state of the machine during a measurement: idle phases, temperatures and clocks, programs of
other people, and how well the timing of the sensors is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from energybench.model import ChannelStats, Condition, Measurement
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import DASH, TableCell, counted, known, listed, plain, value

_DAY_S = 86_400.0

Rows = tuple[tuple[TableCell, ...], ...]


def section(measurements: Sequence[Measurement], names: Mapping[str, str]) -> Section:
    """Idle phases, conditions and other load; empty if no run has recorded any of the three."""
    idle = tuple((TableCell(names[m.id]), *cells) for m in measurements for cells in _idles(m))
    conditions = tuple(
        (TableCell(names[m.id]), *cells) for m in measurements for cells in _conditions(m)
    )
    others = tuple((TableCell(names[m.id]), *cells) for m in measurements for cells in _others(m))
    tables = (
        Table(
            "Idle phases",
            ("measurement", "phase", "began", "lasted", "power"),
            idle,
            right=frozenset(("began", "lasted")),
        ),
        Table(
            "Temperature and clocks, first → last",
            ("measurement", "device", "temperature", "clock", "throttling"),
            conditions,
        ),
        Table(
            "Other load",
            ("measurement", "program", "process", "device", "busy", "duration"),
            others,
            right=frozenset(("busy", "duration")),
        ),
    )
    about = (
        "Began: seconds before (−) or after the start of the first repeat. Clocks and temperatures "
        "were read about once a second; every change of throttling is recorded."
    )
    return Section(
        "state",
        "Idle, conditions and other load",
        about,
        tuple(table for table in tables if table.rows),
        brief=_brief(idle, conditions, others),
    )


def _brief(idle: Rows, conditions: Rows, others: Rows) -> tuple[str, ...]:
    """Every row of the three tables as a line of text."""
    return (
        *(f"{run.text}: idle {phase.text}: {power.line}" for run, phase, _, _, power in idle),
        *(
            f"{run.text}: {device.text}: {temperature.text}, {clock.text}, throttling: "
            f"{throttling.text}"
            for run, device, temperature, clock, throttling in conditions
        ),
        *(
            f"{run.text}: other load: {program.text} ({process.text}) on {device.text}, "
            f"{busy.line} for {duration.text}"
            for run, program, process, device, busy, duration in others
        ),
    )


def _idles(m: Measurement) -> list[tuple[TableCell, ...]]:
    start = m.repeats[0].start_s if m.repeats else 0.0
    return [
        (
            TableCell(plain(idle.state)),
            TableCell(_seconds(idle.start_s - start)),
            TableCell(_seconds(idle.end_s - idle.start_s)),
            value(idle.power_w, "W"),
        )
        for idle in m.idles
    ]


def _conditions(m: Measurement) -> list[tuple[TableCell, ...]]:
    by_device: dict[str, list[Condition]] = {}
    for condition in sorted(m.conditions, key=lambda condition: condition.t_s):
        by_device.setdefault(condition.device, []).append(condition)
    return [
        (
            TableCell(plain(device)),
            _change([state.temperature_c for state in states], "°C"),
            _change([state.clock_mhz for state in states], "MHz"),
            _throttling([state.throttle for state in states]),
        )
        for device, states in by_device.items()
    ]


def _change(values: Sequence[float | None], unit: str) -> TableCell:
    """'41 → 63 °C': the first and the last value, gaps passed over."""
    readings = [x for x in values if x is not None]
    if not readings:
        return known(None)
    first, last = f"{readings[0]:.0f}", f"{readings[-1]:.0f}"
    return TableCell(f"{first} → {last} {unit}" if first != last else f"{first} {unit}")


def _throttling(reasons: Sequence[str | None]) -> TableCell:
    """Every recorded reason for throttling; 'none' if 'none' is the only record."""
    recorded = [plain(reason) for reason in dict.fromkeys(reasons) if reason]
    throttling = [reason for reason in recorded if reason != "none"]
    if throttling:
        return TableCell(listed(throttling), tone="warn")
    return TableCell("none") if recorded else known(None)


def _others(m: Measurement) -> list[tuple[TableCell, ...]]:
    return [
        (
            TableCell(plain(other.name) or DASH),
            TableCell(str(other.pid)),
            TableCell(plain(other.device)),
            TableCell(
                f"{other.busy:.2g}", "cores" if other.device == "cpu" else "processes", "warn"
            ),
            TableCell(_seconds(other.end_s - other.start_s)),
        )
        for other in m.others
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s".replace("-", "−")


# ---------------------------------------------------------------- how well a sensor is known


def timing(channel: ChannelStats, started_utc: str | None) -> TableCell:
    """The source of period, window and lag; for a profile, its age when the run began."""
    if channel.timing != "profile":
        return TableCell(channel.timing, tone="muted" if channel.timing == "prior" else "")
    days = age_days(channel.calibrated_utc, started_utc)
    if days is None:
        return TableCell("profile", "age not known", "warn")
    age = f"{counted(round(days), 'day')} old" if days >= 0 else "made after the run"
    return TableCell("profile", age)


def age_days(calibrated_utc: str | None, started_utc: str | None) -> float | None:
    """Days between two times of day; None if a time is missing or is not a time."""
    times = []
    for text in (calibrated_utc, started_utc):
        try:
            moment = datetime.fromisoformat(text or "")
        except ValueError:
            return None
        times.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return (times[1] - times[0]).total_seconds() / _DAY_S


def milliseconds(seconds: float | None) -> TableCell:
    return TableCell(f"{seconds * 1e3:.4g} ms") if seconds is not None else known(None)
