"""`energybench calibrate`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from energybench.cli import common
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.calibrating.calibrate import Driven, Found

# 24 s hold some 45 edges: a 25 ms window in 100 ms meets a quarter of them
_SECONDS, _LEAST_S, _MOST_S = 24.0, 8.0, 600.0


def calibrate(
    device: Annotated[
        str, typer.Option("--device", help="What to drive: cpu, a GPU's UUID, or all.")
    ] = "all",
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=_LEAST_S, max=_MOST_S, help="How long to drive each device."),
    ] = _SECONDS,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder of the profiles; default: $ENERGYBENCH_PROFILES, else your data directory.",
        ),
    ] = None,
    collector: list[str] | None = common.COLLECTOR,
    root: Path = common.ROOT,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Drive nothing: say for each profile whether it fits this machine."
        ),
    ] = False,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", help="With --check: this file only; exit 2 where it does not fit."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Drive nothing: compare this run with its reference meter, for the sensors' gains.",
        ),
    ] = None,
    psu_efficiency: Annotated[
        float | None,
        typer.Option(
            "--psu-efficiency",
            help="With --against a node meter: the supply's efficiency, 0.94; default: 0.88 to 0.97.",
        ),
    ] = None,
    no_limits: Annotated[
        bool,
        typer.Option(
            "--no-limits",
            help="Leave out what the device reaches at most: bandwidth and matrix rates.",
        ),
    ] = False,
    limits_only: Annotated[
        bool, typer.Option("--limits-only", help="Only that, with or without a sensor.")
    ] = False,
    store: Annotated[
        Path, typer.Option("--store", help="Where --against looks the run up.")
    ] = Path("results"),
    json: bool = common.JSON,
) -> None:
    """Find out how this machine's sensors behave (update period, averaging window, lag) by driving
    a known load, and what its devices reach at most (memory bandwidth, matrix rates); later runs
    use both.
    """
    from energybench.store import profiles

    folder = out or profiles.folder()
    if folder.exists() and not folder.is_dir():
        raise BadInput(
            str(folder), "is not a folder", "--out FOLDER, or ENERGYBENCH_PROFILES=FOLDER"
        )
    _check_options(profile, check, against, psu_efficiency, limits_only, no_limits)
    collectors = tuple(collector or ())
    if against is not None:
        from energybench.cli.calibrate_against import calibrate_against

        calibrate_against(against, store, folder, json, psu_efficiency)
        return
    if check:
        from energybench.cli import calibrate_check

        checked = calibrate_check.check(profile, folder, collectors, common.folder(root))
        text = calibrate_check.text(checked, folder)
    else:
        checked = _drive(
            device, seconds, folder, collectors, root, (not limits_only, not no_limits)
        )
        text = _text(checked)
    if json:
        common.print_json(checked)
    else:
        print(text)
    raise typer.Exit(0)


def _check_options(
    profile: Path | None,
    check: bool,
    against: str | None,
    psu_efficiency: float | None,
    limits_only: bool,
    no_limits: bool,
) -> None:
    """Options that belong together. Raises BadInput."""
    if profile is not None and not check:
        raise BadInput(
            "--profile", "goes with --check", "energybench calibrate --check --profile FILE"
        )
    if psu_efficiency is not None and against is None:
        raise BadInput(
            "--psu-efficiency",
            "goes with --against",
            "energybench calibrate --against RUN --psu-efficiency 0.94",
        )
    if limits_only and (no_limits or check or against is not None):
        raise BadInput(
            "--limits-only",
            "does not go with --no-limits, --check or --against",
            "one after the other",
        )
    if against is not None and check:
        raise BadInput("--against", "does not go with --check", "one after the other")


def _drive(
    device: str,
    seconds: float,
    folder: Path,
    collectors: tuple[str, ...],
    root: Path,
    parts: tuple[bool, bool],
) -> dict[str, Any]:
    """`parts`: whether to drive the sensors, whether to measure the limits."""
    from energybench.calibrating.calibrate import drive
    from energybench.calibrating.targets import boards
    from energybench.cli.limits import reach
    from energybench.cli.machine import open_machine
    from energybench.measuring.clock import MonotonicClock
    from energybench.store import profiles

    common.folder(root)
    profiles.read(folder)  # a broken file is refused before minutes of driving, not after
    clock = MonotonicClock()
    sensors, host = open_machine(collectors, root)
    driven: list[Driven] = []
    saved: list[Path] = []
    rows: list[dict[str, Any]] = []
    try:
        profiles.check_replaceable(folder, host.name)
        names = _with_sensors(sensors, device) if parts[0] else ()
        with_limits = boards(sensors, device) if parts[1] else ()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise BadInput(str(folder), "may not be written to", "--out FOLDER")
        with common.progress() as progress:
            for name in names:
                driven.append(drive(sensors, name, host, seconds, clock, progress))
                # saved at once: a later device's failure does not cost the profile
                saved += profiles.save((found.profile for found in driven[-1].found), folder)
        if with_limits:
            rows, files = reach(with_limits, host, folder)
            saved += files
    finally:
        sensors.close()
    if not saved:
        raise _nothing_saved(device, driven, rows)
    return {
        "schema": "energybench/1",
        "kind": "calibration",
        "host": host.name,
        "devices": [_device(one) for one in driven],
        "limits": rows,
        "written": [str(path) for path in dict.fromkeys(saved)],
    }


def _with_sensors(sensors: Any, device: str) -> tuple[str, ...]:
    """The devices to drive. Raises BadInput, with the way to measure limits without a sensor."""
    from energybench.calibrating.targets import devices
    from energybench.cli.limits import ONLY_REMEDY

    try:
        return devices(sensors, device)
    except BadInput as error:
        raise BadInput(error.where, error.what, f"{error.remedy}; {ONLY_REMEDY}") from None


def _nothing_saved(device: str, driven: list[Driven], rows: list[dict[str, Any]]) -> BadInput:
    """The reason why the first device gave no profile, or why its first limit is missing."""
    if driven and driven[0].reason:
        return BadInput(f"calibrate {driven[0].device}", driven[0].reason, driven[0].remedy)
    if not rows:
        return BadInput(f"calibrate {device}", "gave no profile")
    missing = rows[0]["not_measured"][0]
    return BadInput(f"calibrate {device}", missing["reason"], missing["remedy"])


def _device(driven: Driven) -> dict[str, Any]:
    return {
        "device": driven.device,
        "load": driven.load,
        "not_driven": {"reason": driven.reason, "remedy": driven.remedy} if driven.reason else None,
        "channels": [_channel(found) for found in driven.found],
    }


def _channel(found: Found) -> dict[str, Any]:
    integrates_all = None
    if found.channel.kind == "counter" and found.figures.window_s is not None:
        integrates_all = found.figures.window_s == 0
    return {
        "channel": found.channel.id,
        "device": found.channel.device,
        "kind": found.channel.kind,
        "integrates_all": integrates_all,
        **found.figures._asdict(),
    }


def _text(calibration: dict[str, Any]) -> str:
    from energybench.cli.limits import text

    lines = [f"{calibration['host']}"]
    for device in calibration["devices"]:
        lines += _device_lines(device)
    lines += text(calibration["limits"])
    lines += ["", *(f"written to {path}" for path in calibration["written"])]
    return "\n".join(lines)


def _device_lines(device: dict[str, Any]) -> list[str]:
    if device["not_driven"]:
        reason, remedy = device["not_driven"]["reason"], device["not_driven"]["remedy"]
        return [f"\n{device['device']}: not calibrated: {reason}\n  → {remedy}"]
    lines = [f"\n{device['device']}: {device['load']}"]
    # notes that all channels share stand once, above the channels
    shared: set[str] = set()
    if len(device["channels"]) > 1:
        shared = set.intersection(*(set(channel["notes"]) for channel in device["channels"]))
    lines += [f"  {note}" for note in sorted(shared)]
    for channel in device["channels"]:
        lines.append(f"  {channel['channel']}")
        if figures := _figures(channel):
            lines.append(f"    {figures}")
        lines += [f"    {note}" for note in channel["notes"] if note not in shared]
    return lines


def _figures(channel: dict[str, Any]) -> str:
    """'period 100.0 ± 0.1 ms   window 25.0 ± 0.4 ms   lag 1 ± 2 ms   60 → 330 W'"""
    figures = [_figure("period", channel, "update_period")]
    if not channel["integrates_all"]:
        figures.append(_figure("window", channel, "window"))
    figures.append(_figure("lag", channel, "lag"))
    if channel["low_w"] is not None:
        figures.append(f"{channel['low_w']:.4g} → {channel['high_w']:.4g} W")
    return "   ".join(filter(None, figures))


def _figure(name: str, channel: dict[str, Any], key: str) -> str:
    """'window 25.0 ± 0.4 ms', or nothing if the figure is unknown.

    The uncertainty is one standard deviation.
    """
    from energybench.units import decimals

    value, u = channel[f"{key}_s"], channel[f"{key}_u_s"]
    if value is None:
        return ""
    places = min(max(decimals(1e3 * u) if u else 1, 0), 3)
    if u is None:
        return f"{name} {1e3 * value:.{places}f} ms"
    return f"{name} {1e3 * value:.{places}f} ± {1e3 * u:.{places}f} ms"
