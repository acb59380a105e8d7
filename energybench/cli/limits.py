"""`energybench calibrate`: the limits of each device, beside its data sheet."""

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
    """Measure and save the limits of each device: the rows that are shown, the files written.

    Ends the command after a signal; what was saved stays.
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
        common.say("energybench: calibrate: interrupted; the devices before it are saved")
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
    """Each limit with its tries, and as a share of the data sheet where that states one."""
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
    from energybench.data.datasheets import sheet

    found = sheet(limits.name)
    times = (host.sockets or 1) if found is not None and found.per == "socket" else 1
    return {name: times * value for name, value in found.values.items()} if found else {}


def _sheet(limits: DeviceLimits, host: Host) -> dict[str, Any] | None:
    """Where the sheet's figures come from, and what they are of where that is more than this
    machine was given.
    """
    from energybench.data.datasheets import sheet

    found = sheet(limits.name)
    if found is None:
        return None
    partial = ""
    if found.per == "socket":
        if host.virtual:
            partial = f"a virtual machine ({host.virtual}): the sheet is the whole socket's"
        elif host.threads and host.threads_allowed and host.threads_allowed < host.threads:
            partial = (
                f"{host.threads_allowed} of {host.threads} threads: the sheet is the whole socket's"
            )
    return {
        "source": found.source,
        "per": found.per,
        "sockets": host.sockets if found.per == "socket" else None,
        "partial": partial,
    }


def text(rows: list[dict[str, Any]]) -> list[str]:
    """What a person reads: each limit, its spread, its kernel, its share of the sheet."""
    from energybench.units import show_value

    lines = []
    for row in rows:
        lines.append(f"\n{row['device']}: limits of {row['name'] or 'this device'}")
        for limit in row["limits"]:
            best, middle, unit = limit["best"], limit["median"], limit["unit"]
            share = (
                f"   {limit['share_of_sheet']:.0%} of {show_value(limit['sheet'], unit)}"
                if limit["sheet"]
                else ""
            )
            tries = f"best of {len(limit['runs'])}, median {show_value(middle, unit)}"
            lines.append(
                f"  {limit['limit']:<5} {show_value(best, unit):>13}   {tries}   "
                f"{limit['how']}{share}"
            )
        lines += [
            f"  {missing['limit']:<5} not measured: {missing['reason']}\n        → "
            f"{missing['remedy']}"
            for missing in row["not_measured"]
        ]
        if row["sheet"]:
            lines.append(
                f"  data sheet: {row['sheet']['source']}"
                + (f"; {row['sheet']['partial']}" if row["sheet"]["partial"] else "")
            )
        elif row["limits"]:
            lines.append("  no data sheet row fits this name: the limits stand for themselves")
        lines += [f"  {note}" for note in row["notes"]]
    return lines
