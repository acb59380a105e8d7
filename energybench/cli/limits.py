"""`energybench calibrate`: limits of devices, beside the data sheets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from energybench.cli import common

if TYPE_CHECKING:
    from energybench.calibrating.machine_limits import Reached
    from energybench.measuring.plan import Progress
    from energybench.measuring.signals import Signals
    from energybench.model import DeviceLimits, Host

ONLY_REMEDY = "energybench calibrate --limits-only measures what the device reaches all the same"


def reach(
    names: tuple[str, ...], host: Host, folder: Path
) -> tuple[list[dict[str, Any]], list[Path]]:
    """Measure and save the limits of devices: rows to show, and the files written.

    Ends the command after a signal; saved files stay.
    """
    from energybench.store import profiles

    rows: list[dict[str, Any]] = []
    saved: list[Path] = []

    def all_of(signals: Signals, update: Progress) -> None:
        from energybench.calibrating.machine_limits import Interrupted, measure

        for name in names:
            try:
                reached = measure(name, host, signals, update)
            except Interrupted:
                return
            if reached.limits is not None:
                saved.append(profiles.save_limits(reached.limits, folder))
            rows.append(_row(reached, host))

    _, signalled = common.watched("calibrate: ", all_of)
    if signalled:
        common.say("energybench: calibrate: interrupted; the limits of earlier devices are saved")
        raise typer.Exit(130)
    return rows, saved


def _row(reached: Reached, host: Host) -> dict[str, Any]:
    limits = reached.limits
    return {
        "device": reached.device,
        "name": limits.name if limits else None,
        "limits": _beside(limits, host) if limits else [],
        "sheet": _sheet(limits, host) if limits else None,
        "notes": list(limits.notes) if limits else [],
        "not_measured": [
            {"limit": name, "reason": reason, "remedy": remedy}
            for name, reason, remedy in reached.missing
        ],
    }


def _beside(limits: DeviceLimits, host: Host) -> list[dict[str, Any]]:
    """Limits with their runs, and as a share of the data sheet's figure if there is a figure."""
    stated = _stated(limits, host)
    return [
        {
            "limit": limit.name,
            "best": limit.best,
            "median": limit.middle,
            "unit": "B/s" if limit.name == "read" else "flop/s",
            "runs": list(limit.runs),
            "how": limit.how,
            "sheet": stated.get(limit.name),
            "share_of_sheet": limit.best / stated[limit.name] if limit.name in stated else None,
        }
        for limit in limits.limits
    ]


def _stated(limits: DeviceLimits, host: Host) -> dict[str, float]:
    """The data sheet's figures for the whole machine; empty without a data sheet."""
    from energybench.data.datasheets import sheet

    row = sheet(limits.name)
    if row is None:
        return {}
    sockets = (host.sockets or 1) if row.per == "socket" else 1
    return {name: sockets * value for name, value in row.values.items()}


def _sheet(limits: DeviceLimits, host: Host) -> dict[str, Any] | None:
    """Source of the sheet's figures; and a remark if the figures are of more hardware than the
    process may use.
    """
    from energybench.data.datasheets import sheet

    row = sheet(limits.name)
    if row is None:
        return None
    return {
        "source": row.source,
        "per": row.per,
        "sockets": host.sockets if row.per == "socket" else None,
        "partial": _partial(host) if row.per == "socket" else "",
    }


def _partial(host: Host) -> str:
    if host.virtual:
        return f"a virtual machine ({host.virtual}): the sheet is the whole socket's"
    if host.threads and host.threads_allowed and host.threads_allowed < host.threads:
        return f"{host.threads_allowed} of {host.threads} threads: the sheet is the whole socket's"
    return ""


def text(rows: list[dict[str, Any]]) -> list[str]:
    """Rows for a person, with foreign text as it is: every limit with its spread, kernel, and share
    of the data sheet.
    """
    lines = []
    for row in rows:
        lines += ["", f"{row['device']}: limits of {row['name'] or 'this device'}"]
        lines += [_limit_line(limit) for limit in row["limits"]]
        for missing in row["not_measured"]:
            lines.append(f"  {missing['limit']:<5} not measured: {missing['reason']}")
            lines.append(f"        → {missing['remedy']}")
        if row["sheet"]:
            remark = f"; {row['sheet']['partial']}" if row["sheet"]["partial"] else ""
            lines.append(f"  data sheet: {row['sheet']['source']}{remark}")
        elif row["limits"]:
            lines.append("  no data sheet row fits this name: the limits stand for themselves")
        lines += [f"  {note}" for note in row["notes"]]
    return lines


def _limit_line(limit: dict[str, Any]) -> str:
    from energybench.units import show_value

    unit = limit["unit"]
    best, middle = show_value(limit["best"], unit), show_value(limit["median"], unit)
    share = ""
    if limit["sheet"]:
        share = f"   {limit['share_of_sheet']:.0%} of {show_value(limit['sheet'], unit)}"
    runs = f"best of {len(limit['runs'])}, median {middle}"
    return f"  {limit['limit']:<5} {best:>13}   {runs}   {limit['how']}{share}"
