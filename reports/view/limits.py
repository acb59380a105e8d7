"""The rates of every run beside the highest rates of the machine: arithmetic intensity, the limit
that binds, joules per flop and per byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.model import Measurement, Roofline
from energybench.units import percent
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.machine_state import age_days
from energybench_reports.view.wording import DASH, TableCell, counted, known, or_dash, plain, value

KEY = "limits"


def section(measurements: Sequence[Measurement], names: Mapping[str, str]) -> Section:
    """A row for every run with counts of flops or bytes; empty without such runs."""
    head = (
        "measurement",
        "share of its limit",
        "limit that binds",
        "flop/s",
        "B/s",
        "flop/B",
        "energy per flop",
        "energy per byte",
        "limits measured on",
    )
    rows = tuple(
        (TableCell(names[m.id]), *_row(m.roofline, m.host.started_utc))
        for m in measurements
        if m.roofline is not None
    )
    about = (
        "Flops and bytes as the algorithm counts them, divided by the time of whole repeats, "
        "beside the highest rates that were measured on this device: the rate of reading memory, "
        "and the rate of a matrix product in the same number format. The bound is min(matrix rate, "
        "flop/B x bandwidth). Joules are those of the whole boundary, idle power included."
    )
    return Section(
        KEY,
        "Rates beside the machine's limits",
        about,
        (Table("", head, rows).beside(),) if rows else (),
        brief=tuple(f"{row[0].text}: {_brief(row)}" for row in rows),
    )


def _row(line: Roofline, started_utc: str | None) -> tuple[TableCell, ...]:
    intensity = line.intensity_flop_per_byte
    return (
        share_cell(line),
        _binding(line),
        or_dash(line.flop_per_s, "flop/s"),
        or_dash(line.byte_per_s, "B/s"),
        known(None if intensity is None else f"{intensity:.3g}"),
        or_dash(line.energy_per_flop_j, "J"),
        or_dash(line.energy_per_byte_j, "J"),
        _device(line, started_utc),
    )


def _brief(row: tuple[TableCell, ...]) -> str:
    """A row in a line: the share of the limit, and joules per flop and byte if known."""
    _, share, limit, *_, per_flop, per_byte, _ = row
    words = ["share of its limit not known"]
    if limit.text != DASH:
        words = [f"{share.line} of {limit.line}"]
    if per_flop.text != DASH:
        words.append(f"{per_flop.line} per flop")
    if per_byte.text != DASH:
        words.append(f"{per_byte.line} per byte")
    return ", ".join(words)


def share_cell(line: Roofline) -> TableCell:
    """The share of the limit that binds, with its interval."""
    if line.share is None:
        return TableCell("not known", tone="warn")
    head, _, tail = percent(line.share).partition(" [")
    return TableCell(head, f"[{tail}" if tail else "", bar=min(line.share.value, 1.0))


def _binding(line: Roofline) -> TableCell:
    """'memory bandwidth (310 GB/s)', with the bound that follows from the limit."""
    if line.binds == "bandwidth":
        name, limit, unit = "memory bandwidth", line.bandwidth_byte_per_s, "B/s"
    else:
        name, limit, unit = (
            f"{plain(line.arithmetic)} matrix rate",
            line.rate_flop_per_s,
            "flop/s",
        )
    if line.binds is None or limit is None:
        return TableCell(DASH, tone="muted")
    bound = ""
    if line.bound_flop_per_s:
        bound = f"bound {value(line.bound_flop_per_s, 'flop/s').text}"
    return TableCell(f"{name}, {value(limit, unit).text}", bound)


def _device(line: Roofline, started_utc: str | None) -> TableCell:
    """The device, and the age of the limits when the run began."""
    if line.name is None:
        return TableCell("none measured", "energybench calibrate --limits-only", "warn")
    days = age_days(line.made_utc, started_utc)
    if days is None:
        return TableCell(plain(line.name), "age not known")
    age = f"{counted(round(days), 'day')} old" if days >= 0 else "measured after the run"
    return TableCell(plain(line.name), age)
