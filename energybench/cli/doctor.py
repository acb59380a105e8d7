"""`energybench doctor`"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from energybench.cli import common, options
from energybench.foreign_text import visible
from energybench.units import counted

if TYPE_CHECKING:
    from energybench.measuring.sensors import Sensors
    from energybench.model import Doubt, Host, Part


def doctor(
    boundary: options.Boundary = "compute",
    root: options.Root = Path("/"),
    json: options.Json = False,
) -> None:
    """Show which sensors work here, and how to open the others.

    Also the parts of the node that the boundary covers, and the calibrated limits of the devices.
    """
    findings = examine(common.boundary(boundary), common.folder(root))
    if json:
        common.print_json(findings)
    else:
        print(text(findings))
    raise typer.Exit(0)


def examine(boundary: Any = "compute", root: Path = Path("/")) -> dict[str, Any]:
    """Open and read every collector, and compare the channels with the boundary."""
    from energybench import data
    from energybench.measuring import host as provenance
    from energybench.measuring.calibrated_sensors import with_profiles
    from energybench.measuring.clock import MonotonicClock
    from energybench.measuring.sensors import open_all
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
        channels = [
            _channel(channel, raw)
            for entry in sensors.opened
            for channel, raw in zip(entry.channels, entry.collector.read(), strict=True)
        ]
        parts, problem = _parts(boundary, sensors, host)
    finally:
        sensors.close()
    limits, limit_doubts = _limits(host)
    return {
        "schema": SCHEMA,
        "kind": "doctor",
        "host": host,
        "works": [entry.collector.name for entry in sensors.opened],
        "channels": channels,
        "absent": [entry._asdict() for entry in sensors.absent],
        "broken": list(sensors.broken),
        "boundary": {"name": boundary, "parts": parts, "problem": problem},
        "limits": limits,
        "doubts": [*sensors.doubts, *limit_doubts],
    }


def _parts(boundary: Any, sensors: Sensors, host: Host) -> tuple[list[Any], str | None]:
    """Parts of the boundary; or no parts and the reason why the sensors cannot cover it."""
    from energybench.analysis.energy.boundary import cover
    from energybench.errors import BadInput
    from energybench.measuring.session import ranges

    try:
        return list(cover(boundary, sensors.channels, host, ranges()).boundary.parts), None
    except BadInput as error:
        return [], str(error)


def _limits(host: Host) -> tuple[list[Any], list[Doubt]]:
    """Calibrated limits of the CPU and of the accelerators in use, with doubts."""
    from energybench.measuring.calibrated_sensors import limits_of

    devices = ["cpu"]
    if host.gpus_of_work:
        devices.append("cuda")
    answers = [limits_of(device, host) for device in devices]
    return (
        [limits for limits, _ in answers if limits is not None],
        [doubt for _, doubts in answers for doubt in doubts],
    )


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


# ---------------------------------------------------------------- text


def text(findings: dict[str, Any]) -> str:
    """The host, the sensors, the boundary part by part, the devices' limits, and remedies for the
    missing sensors.
    """
    from energybench.cli import doubt_lines

    rows = [*_host_lines(findings["host"], findings["boundary"]["parts"])]
    rows += ["", "sensors that work"]
    rows += [_channel_line(channel) for channel in findings["channels"]] or ["  none"]
    rows += _boundary_lines(findings["boundary"], _failing(findings["channels"]))
    rows += ["", "measured limits of the devices"]
    rows += [_limits_line(limits) for limits in findings["limits"]] or [
        "  not known: energybench calibrate --limits-only"
    ]
    rows += ["", "sensors that do not work, and what would fix them"]
    for entry in findings["absent"]:
        rows += [f"  {entry['name']:<12} {entry['reason']}", f"{'':<15}→ {entry['remedy']}"]
    if not findings["absent"]:
        rows.append("  none")
    rows += [f"  broken plugin: {line}" for line in findings["broken"]]
    # a broken plugin has a line of its own
    doubts = [doubt for doubt in findings["doubts"] if doubt.code != "broken-plugin"]
    rows += [*doubt_lines.doubts(tuple(doubts)), *doubt_lines.explained(doubts)]
    return "\n".join(map(visible, rows))


def _number(number: int | None, noun: str) -> str:
    return counted(number, noun) if number else f"? {noun}s"


_USE = {False: "not given to the work", None: "not known whether the work uses it"}


def _host_lines(host: Host, parts: Iterable[Part]) -> Iterator[str]:
    memory = f"{host.memory_bytes / 2**30:.0f} GiB" if host.memory_bytes else "memory not known"
    yield (
        f"{host.name}: {host.cpu or 'CPU not known'}, "
        f"{_number(host.sockets, 'socket')}, {_number(host.threads, 'thread')}, {memory}"
    )
    if host.virtual:
        yield (
            f"  virtual machine ({host.virtual}): its host's sensors are out of reach unless "
            "passed through"
        )
    missing = {part.device for part in parts if part.state == "missing"}
    for gpu in host.gpus:
        notes = [_USE[gpu.used]] if gpu.used is not True else []
        if gpu.uuid in missing:
            notes.append("no sensor reads it")
        words = f" ({', '.join(notes)})" if notes else ""
        yield f"  GPU {gpu.name} {gpu.uuid}{words}"
    if not host.gpus:
        yield "  no accelerator, neither by a sensor nor by the kernel's lists"


def _channel_line(channel: dict[str, Any]) -> str:
    reads = "read failed"
    if channel["reads"] is not None:
        reads = f"{channel['reads']:.6g} {channel['unit']}"
    notes = [] if channel["summed"] else ["recorded, not summed"]
    notes.append("estimated: no sensor" if channel["quality"] == "estimated" else _timing(channel))
    return (
        f"  {channel['collector']:<12} {channel['component']:<12} {channel['device']:<42} "
        f"{channel['quantity']:<14} {reads}   ({', '.join(notes)})"
    )


def _timing(channel: dict[str, Any]) -> str:
    """Source and age of the sensor's timing."""
    if not channel["calibrated_utc"]:
        return f"timing: {channel['timing']}"
    return f"timing: {channel['timing']}{_age(channel['calibrated_utc'], ', ', '')}"


def _failing(channels: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """Component and device of the parts of which no channel could be read just now."""
    reads: dict[tuple[str, str], list[Any]] = {}
    for channel in channels:
        reads.setdefault((channel["component"], channel["device"]), []).append(channel["reads"])
    return {part for part, values in reads.items() if all(value is None for value in values)}


def _boundary_lines(boundary: dict[str, Any], failing: set[tuple[str, str]]) -> Iterator[str]:
    yield ""
    yield f"boundary {boundary['name']}"
    for part in boundary["parts"]:
        span = ""
        if part.low_w is not None and part.high_w is not None:
            span = f"   {part.low_w:.0f}-{part.high_w:.0f} W"
        use = "   (idle)" if part.used is False else ""
        state = part.state
        if state == "measured" and (part.component, part.device) in failing:
            state = "failing"
        yield f"  {state:<9} {part.component:<12} {part.device}{use}{span}"
    if boundary["problem"]:
        yield f"  {boundary['problem']}"


def _limits_line(limits: Any) -> str:
    """A device's limits and the age of the limits."""
    from energybench.units import show_value

    figures = ", ".join(
        f"{limit.name} {show_value(limit.best, 'B/s' if limit.name == 'read' else 'flop/s')}"
        for limit in limits.limits
    )
    age = _age(limits.made_utc, "   (", ")")
    return f"  {limits.device} ({limits.name}): {figures}{age}"


def _age(made_utc: str, before: str, after: str) -> str:
    """'3 days old' between two strings; nothing if the age is not known."""
    from energybench.analysis.measurement.profiles import age_days
    from energybench.measuring.calibrated_sensors import now_utc

    days = age_days(made_utc, now_utc())
    return "" if days is None else f"{before}{days:.0f} days old{after}"
