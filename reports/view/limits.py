"""How near each run came to what its machine reaches: rates, intensity, the limit that binds,
joules per flop and byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.model import Measurement, Roofline
from energybench.units import percent
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.machine_state import age_days
from energybench_reports.view.wording import DASH, Cell, counted, or_dash, plain, value

KEY = "limits"


def section(measurements: Sequence[Measurement], names: Mapping[str, str]) -> Section:
    """One row a run that counts flops or bytes; nothing where none does."""
    head = (
        "measurement",
        "share of its limit",
        "limit that binds",
        "flop/s",
        "B/s",
        "flop/B",
        "energy per flop",
        "energy per byte",
        "limits of",
    )
    found = [(m, m.roofline) for m in measurements if m.roofline is not None]
    rows = tuple(
        (
            Cell(names[m.id]),
            _share(line),
            _binding(line),
            or_dash(line.flop_per_s, "flop/s"),
            or_dash(line.byte_per_s, "B/s"),
            Cell(f"{line.intensity_flop_per_byte:.3g}")
            if line.intensity_flop_per_byte is not None
            else Cell(DASH, tone="muted"),
            or_dash(line.energy_per_flop_j, "J"),
            or_dash(line.energy_per_byte_j, "J"),
            _whose(line, m.host.started_utc),
        )
        for m, line in found
    )
    about = (
        "What the algorithm counts, over the time of whole repeats, beside what this device was "
        "measured to reach: the rate at which it reads memory, "
        "and the rate of a matrix product in the same format. The bound is min(matrix rate, flop/B "
        "x bandwidth). "
        "Joules are those of the whole boundary, idle power included."
    )
    brief = tuple(f"{row[0].text}: {_brief(row)}" for row in rows)
    return Section(
        KEY,
        "Beside the machine's limits",
        about,
        (Table("", head, rows).beside(),) if rows else (),
        brief=brief,
    )


def _brief(row: tuple[Cell, ...]) -> str:
    share = (
        f"{row[1].line} of {row[2].line}" if row[2].text != DASH else "share of its limit not known"
    )
    return ", ".join(
        (
            share,
            *(
                f"{cell.line} per {unit}"
                for cell, unit in ((row[6], "flop"), (row[7], "byte"))
                if cell.text != DASH
            ),
        )
    )


def _share(line: Roofline) -> Cell:
    if line.share is None:
        return Cell("not known", tone="warn")
    head, _, tail = percent(line.share).partition(" [")
    return Cell(head, f"[{tail}" if tail else "", bar=min(line.share.value, 1.0))


def _binding(line: Roofline) -> Cell:
    """'memory bandwidth (310 GB/s)', with the bound it leaves."""
    limit, unit = (
        (line.bandwidth_byte_per_s, "B/s")
        if line.binds == "bandwidth"
        else (line.rate_flop_per_s, "flop/s")
    )
    if line.binds is None or limit is None:
        return Cell(DASH, tone="muted")
    name = (
        "memory bandwidth" if line.binds == "bandwidth" else f"{plain(line.arithmetic)} matrix rate"
    )
    return Cell(
        f"{name}, {value(limit, unit).text}",
        f"bound {value(line.bound_flop_per_s, 'flop/s').text}" if line.bound_flop_per_s else "",
    )


def _whose(line: Roofline, started_utc: str | None) -> Cell:
    """The device, and how old its limits were when the run began."""
    if line.name is None:
        return Cell("none measured", "energybench calibrate --limits-only", "warn")
    days = age_days(line.made_utc, started_utc)
    return Cell(
        plain(line.name),
        "age not known"
        if days is None
        else f"{counted(round(days), 'day')} old"
        if days >= 0
        else "measured after the run",
    )
