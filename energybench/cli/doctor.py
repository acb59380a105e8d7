"""`energybench doctor`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from energybench.cli import common, options


def doctor(
    boundary: options.Boundary = "compute",
    root: options.Root = Path("/"),
    json: options.Json = False,
) -> None:
    """Show which sensors work here, and how to open the others.

    Also the parts of the node that the boundary covers, and the calibrated limits of the devices.
    """
    found = examine(common.boundary(boundary), common.folder(root))
    if json:
        common.print_json(found)
    else:
        print(text(found))
    raise typer.Exit(0)


def examine(boundary: Any = "compute", root: Path = Path("/")) -> dict[str, Any]:
    """Open every collector, read it once, and lay its channels against the boundary."""
    from energybench import data
    from energybench.analysis.energy.boundary import cover
    from energybench.errors import BadInput
    from energybench.measuring import host as provenance
    from energybench.measuring.calibrated_sensors import limits_of, with_profiles
    from energybench.measuring.clock import MonotonicClock
    from energybench.measuring.sensors import open_all
    from energybench.measuring.session import ranges
    from energybench.model import SCHEMA
    from energybench.plugins import Context

    clock = MonotonicClock()
    context = Context(
        clock=clock,
        root=root,
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        device_order=os.environ.get("CUDA_DEVICE_ORDER"),
        priors=data.priors(),
    )
    sensors = open_all(context)
    try:
        host = provenance.describe(clock, root, sensors.gpus)
        sensors = with_profiles(sensors, lambda: host)
        reached = [
            limits_of(device, host)
            for device in ("cpu", *(["cuda"] if any(gpu.used for gpu in host.gpus) else []))
        ]
        channels = [
            _channel(channel, raw)
            for entry in sensors.opened
            for channel, raw in zip(entry.channels, entry.collector.read(), strict=True)
        ]
        parts: list[Any] = []
        problem = None
        try:
            parts = list(cover(boundary, sensors.channels, host, ranges()).boundary.parts)
        except BadInput as error:
            problem = str(error)
    finally:
        sensors.close()
    return {
        "schema": SCHEMA,
        "kind": "doctor",
        "host": host,
        "works": [entry.collector.name for entry in sensors.opened],
        "channels": channels,
        "absent": [entry._asdict() for entry in sensors.absent],
        "broken": list(sensors.broken),
        "boundary": {"name": boundary, "parts": parts, "problem": problem},
        "limits": [limits for limits, _ in reached if limits is not None],
        "doubts": [*sensors.doubts, *(doubt for _, doubts in reached for doubt in doubts)],
    }


def _channel(channel: Any, raw: Any) -> dict[str, Any]:
    value = getattr(raw, "raw", raw)
    return {
        "collector": channel.collector,
        "device": channel.device,
        "component": channel.component,
        "quantity": channel.quantity or channel.kind,
        "unit": "J" if channel.kind == "counter" else "W",
        "reads": None if value is None else value * channel.resolution,
        "update_period_s": channel.update_period_s,
        "window_s": channel.window_s,
        "lag_s": channel.lag_s,
        "timing": channel.timing,
        "calibrated_utc": channel.calibrated_utc,
        "quality": channel.quality,
        "used": channel.used,
        "summed": channel.counts,
    }


def _timing(channel: dict[str, Any]) -> str:
    """Where what is believed of the sensor's timing comes from, and how old that is."""
    from energybench.analysis.measurement.profiles import age_days
    from energybench.measuring.calibrated_sensors import now_utc

    days = age_days(channel["calibrated_utc"], now_utc()) if channel["calibrated_utc"] else None
    return f"timing: {channel['timing']}" + (f", {days:.0f} days old" if days is not None else "")


def _reached(limits: Any) -> str:
    """A device's limits and how old they are."""
    from energybench.analysis.measurement.profiles import age_days
    from energybench.measuring.calibrated_sensors import now_utc
    from energybench.units import show_value

    days = age_days(limits.made_utc, now_utc())
    said = ", ".join(
        f"{limit.name} {show_value(limit.best, 'B/s' if limit.name == 'read' else 'flop/s')}"
        for limit in limits.limits
    )
    return f"  {limits.device} ({limits.name}): {said}" + (
        f"   ({days:.0f} days old)" if days is not None else ""
    )


def text(found: dict[str, Any]) -> str:
    """What a person reads: the host, the sensors, the boundary part by part, and what would fix
    what is missing.
    """
    host = found["host"]
    gibibytes = f"{host.memory_bytes / 2**30:.0f} GiB" if host.memory_bytes else "memory not known"
    lines = [
        f"{host.name}: {host.cpu or 'CPU not known'}, {host.sockets or '?'} socket(s), "
        f"{host.threads or '?'} threads, {gibibytes}"
    ]
    if host.virtual:
        lines.append(
            f"  virtual machine ({host.virtual}): its host's sensors are out of reach unless "
            "passed through"
        )
    lines += [
        f"  GPU {gpu.name} {gpu.uuid}{'' if gpu.used else ' (not given to the work)'}"
        for gpu in host.gpus
    ] or ["  no accelerator that a sensor knows"]
    lines.append("\nsensors that work")
    for channel in found["channels"]:
        reads = (
            "read failed"
            if channel["reads"] is None
            else f"{channel['reads']:.6g} {channel['unit']}"
        )
        notes = [] if channel["summed"] else ["recorded, not summed"]
        notes += (
            ["estimated: no sensor"] if channel["quality"] == "estimated" else [_timing(channel)]
        )
        note = f"   ({', '.join(notes)})" if notes else ""
        lines.append(
            f"  {channel['collector']:<12} {channel['component']:<12} {channel['device']:<42} "
            f"{channel['quantity']:<14} {reads}{note}"
        )
    if not found["channels"]:
        lines.append("  none")
    lines.append(f"\nboundary {found['boundary']['name']}")
    for part in found["boundary"]["parts"]:
        span = (
            f"   {part.low_w:.0f}-{part.high_w:.0f} W"
            if part.high_w is not None and part.low_w is not None
            else ""
        )
        lines.append(
            f"  {part.state:<9} {part.component:<12} "
            f"{part.device}{'' if part.used else '   (idle)'}{span}"
        )
    if found["boundary"]["problem"]:
        lines.append(f"  {found['boundary']['problem']}")
    lines.append("\nwhat the devices reach at most, as measured")
    lines += [_reached(limits) for limits in found["limits"]] or [
        "  not known: energybench calibrate --limits-only"
    ]
    lines.append("\nsensors that do not work, and what would fix them")
    lines += [
        f"  {entry['name']:<12} {entry['reason']}\n{'':<15}→ {entry['remedy']}"
        for entry in found["absent"]
    ] or ["  none"]
    lines += [f"  broken plugin: {line}" for line in found["broken"]]
    lines += [
        f"  doubt [{doubt.code}] {doubt.message} → {doubt.remedy}"
        for doubt in found["doubts"]
        if doubt.code != "broken-plugin"
    ]
    return "\n".join(lines)
