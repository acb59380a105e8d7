"""What the machine was doing beside the work: idle phases, temperature and clocks, other people's
programs, and how well its sensors are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from energybench.model import ChannelStats, Condition, Measurement
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import DASH, Cell, counted, known, listed, plain, value

_DAY_S = 86_400.0


def section(measurements: Sequence[Measurement], names: Mapping[str, str]) -> Section:
    """Idle phases, conditions, other load; nothing where a run has recorded none of them."""
    idle = tuple((Cell(names[m.id]), *cells) for m in measurements for cells in _idles(m))
    conditions = tuple(
        (Cell(names[m.id]), *cells) for m in measurements for cells in _conditions(m)
    )
    others = tuple((Cell(names[m.id]), *cells) for m in measurements for cells in _others(m))
    tables = (
        Table(
            "Idle phases",
            ("measurement", "which idle", "began", "lasted", "power"),
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
            ("measurement", "program", "process", "device", "busy", "for"),
            others,
            right=frozenset(("busy", "for")),
        ),
    )
    about = (
        "Begin: seconds before (−) or after the first repeat. Clocks and temperatures were read "
        "about once a second; every change of throttling is kept."
    )
    brief = [f"{row[0].text}: idle {row[1].text}: {row[4].line}" for row in idle]
    brief += [
        f"{row[0].text}: {row[1].text}: {row[2].text}, {row[3].text}, throttling: {row[4].text}"
        for row in conditions
    ]
    brief += [
        f"{row[0].text}: other load: {row[1].text} ({row[2].text}) on {row[3].text}, {row[4].line} "
        f"for {row[5].text}"
        for row in others
    ]
    return Section(
        "state",
        "Idle, conditions and other load",
        about,
        tuple(table for table in tables if table.rows),
        brief=tuple(brief),
    )


def _idles(m: Measurement) -> list[tuple[Cell, ...]]:
    start = m.repeats[0].start_s if m.repeats else 0.0
    return [
        (Cell(plain(idle.state)), Cell(_seconds(idle.start_s - start)), Cell(_seconds(idle.end_s - idle.start_s)), value(idle.power_w, "W"))
        for idle in m.idles
    ]  # fmt: skip


def _conditions(m: Measurement) -> list[tuple[Cell, ...]]:
    by_device: dict[str, list[Condition]] = {}
    for condition in sorted(m.conditions, key=lambda condition: condition.t_s):
        by_device.setdefault(condition.device, []).append(condition)
    return [
        (
            Cell(plain(device)),
            _change([seen.temperature_c for seen in states], "°C"),
            _change([seen.clock_mhz for seen in states], "MHz"),
            _throttling([seen.throttle for seen in states]),
        )
        for device, states in by_device.items()
    ]


def _change(values: Sequence[float | None], unit: str) -> Cell:
    """'41 → 63 °C' of the first and the last that is known."""
    read = [x for x in values if x is not None]
    if not read:
        return known(None)
    first, last = f"{read[0]:.0f}", f"{read[-1]:.0f}"
    return Cell(f"{first} → {last} {unit}" if first != last else f"{first} {unit}")


def _throttling(reasons: Sequence[str | None]) -> Cell:
    """Every reason that was seen; 'none' only where nothing else was."""
    seen = [plain(reason) for reason in dict.fromkeys(reasons) if reason]
    real = [reason for reason in seen if reason != "none"]
    return Cell(listed(real), tone="warn") if real else Cell("none") if seen else known(None)


def _others(m: Measurement) -> list[tuple[Cell, ...]]:
    return [
        (
            Cell(plain(other.name) or DASH),
            Cell(str(other.pid)),
            Cell(plain(other.device)),
            Cell(f"{other.busy:.2g}", "cores" if other.device == "cpu" else "processes", "warn"),
            Cell(_seconds(other.end_s - other.start_s)),
        )
        for other in m.others
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s".replace("-", "−")


# ---------------------------------------------------------------- how well a sensor is known


def timing(channel: ChannelStats, started_utc: str | None) -> Cell:
    """Where period, window and lag come from; of a profile, how old it was when the run began."""
    if channel.timing != "profile":
        return Cell(channel.timing, tone="muted" if channel.timing == "prior" else "")
    days = age_days(channel.calibrated_utc, started_utc)
    if days is None:
        return Cell("profile", "age not known", "warn")
    return Cell(
        "profile", f"{counted(round(days), 'day')} old" if days >= 0 else "made after the run"
    )


def age_days(calibrated_utc: str | None, started_utc: str | None) -> float | None:
    """Days between two times of day; None where either is missing or is none."""
    times = []
    for text in (calibrated_utc, started_utc):
        try:
            moment = datetime.fromisoformat(text or "")
        except ValueError:
            return None
        times.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return (times[1] - times[0]).total_seconds() / _DAY_S


def milliseconds(seconds: float | None) -> Cell:
    return Cell(f"{seconds * 1e3:.4g} ms") if seconds is not None else known(None)
