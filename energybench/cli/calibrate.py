"""`energybench calibrate`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from energybench.cli import common, number_options, options
from energybench.errors import BadInput
from energybench.foreign_text import visible

if TYPE_CHECKING:
    from energybench.calibrating.calibrate import Driven, Found
    from energybench.measuring.sensors import Sensors
    from energybench.model import Host

# 24 s hold some 45 edges: a window of 25 ms in 100 ms meets a quarter of the edges
_SECONDS, _LEAST_S, _MOST_S = 24.0, 8.0, 600.0


def calibrate(
    drive: Annotated[
        str, typer.Option("--drive", help="Device to drive: cpu, a GPU's UUID, or all.")
    ] = "all",
    seconds: Annotated[
        float,
        number_options.number(
            "--seconds", low=_LEAST_S, high=_MOST_S, help="How long to drive each device."
        ),
    ] = _SECONDS,
    out: options.ProfilesOut = None,
    collector: options.Collector = None,
    root: options.Root = Path("/"),
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Drive nothing: tell for each profile whether it fits this machine."
        ),
    ] = False,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", help="With --check: only this file; exit code 2 if it does not fit."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Drive nothing: compare this run with its reference meter, for the sensors' "
            "gains.",
        ),
    ] = None,
    psu_efficiency: Annotated[
        float | None,
        number_options.number(
            "--psu-efficiency",
            low=0.5,
            high=1.0,
            help="With --against and a node meter: efficiency of the power supply, say 0.94; "
            "default: 0.88 to 0.97.",
        ),
    ] = None,
    no_limits: Annotated[
        bool,
        typer.Option(
            "--no-limits", help="Do not measure the devices' limits: bandwidth and matrix rates."
        ),
    ] = False,
    limits_only: Annotated[
        bool,
        typer.Option(
            "--limits-only", help="Measure only the devices' limits, with or without a sensor."
        ),
    ] = False,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Calibrate the sensors' timing and the devices' limits.

    Drives a known load to find each sensor's update period, averaging window and lag, and measures
    the memory bandwidth and matrix rates that each device reaches. Later runs use both.

    Profiles are written to --out; by default to $ENERGYBENCH_PROFILES, else to your data directory.
    """
    from energybench.store import profiles

    # options
    folder = out or profiles.folder()
    if folder.exists() and not folder.is_dir():
        raise BadInput(
            str(folder), "is not a folder", "--out FOLDER, or ENERGYBENCH_PROFILES=FOLDER"
        )
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
    _check_one_task(no_limits, limits_only, check, against)

    # the sensors' gains, the profiles' fit, or a calibration
    if against is not None:
        from energybench.cli.calibrate_against import calibrate_against

        calibrate_against(against, store, folder, json, psu_efficiency)
        return
    chosen = tuple(collector or ())
    if check:
        from energybench.cli import calibrate_check

        findings = calibrate_check.check(profile, folder, chosen, common.folder(root))
        words = calibrate_check.text(findings, folder)
    else:
        common.folder(root)
        findings = _calibrated(
            drive, seconds, folder, chosen, root, sensors=not limits_only, limits=not no_limits
        )
        words = _text(findings)
    if json:
        common.print_json(findings)
    else:
        print(words)
    raise typer.Exit(0)


def _check_one_task(no_limits: bool, limits_only: bool, check: bool, against: str | None) -> None:
    """Raises BadInput for options that ask for two tasks at once."""
    if limits_only and (no_limits or check or against is not None):
        raise BadInput(
            "--limits-only",
            "does not go with --no-limits, --check or --against",
            "one after the other",
        )
    if against is not None and check:
        raise BadInput("--against", "does not go with --check", "one after the other")


def open_sensors(collectors: tuple[str, ...], root: Path) -> tuple[Sensors, Host]:
    """The machine's sensors, without profiles, and the host."""
    from energybench import data
    from energybench.measuring import host as provenance
    from energybench.measuring.clock import MonotonicClock
    from energybench.measuring.sensors import open_all
    from energybench.plugins import Context

    clock = MonotonicClock()
    visible, order = os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("CUDA_DEVICE_ORDER")
    sensors = open_all(
        Context(
            clock=clock,
            root=root,
            visible_devices=visible,
            device_order=order,
            priors=data.priors(),
        ),
        collectors,
    )
    return sensors, provenance.describe(clock, root, sensors.gpus)


def _calibrated(
    device: str,
    seconds: float,
    folder: Path,
    collectors: tuple[str, ...],
    root: Path,
    *,
    sensors: bool,
    limits: bool,
) -> dict[str, Any]:
    """Drive the devices for the sensors' timing, measure the devices' limits, and save both."""
    from energybench.calibrating.targets import boards, devices
    from energybench.cli.limits import ONLY_REMEDY, reach
    from energybench.store import profiles

    profiles.read(folder)  # a broken file is reported before minutes are spent
    opened, host = open_sensors(collectors, root)
    try:
        profiles.check_replaceable(folder, host)
        try:
            names = devices(opened, device) if sensors else ()
        except BadInput as error:
            raise BadInput(error.where, error.what, f"{error.remedy}; {ONLY_REMEDY}") from None
        limited = boards(opened, device) if limits else ()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise BadInput(str(folder), "may not be written to", "--out FOLDER")
        driven, saved = _drive(opened, host, names, seconds, folder)
        rows: list[dict[str, Any]] = []
        if limited:
            rows, files = reach(limited, host, folder)
            saved += files
    finally:
        opened.close()
    if not saved:
        raise _nothing_saved(device, driven, rows)
    return {
        "schema": "energybench/1",
        "kind": "calibration",
        "host": host.name,
        "devices": [_device(entry) for entry in driven],
        "limits": rows,
        "written": [str(path) for path in dict.fromkeys(saved)],
    }


def _drive(
    sensors: Sensors, host: Host, names: tuple[str, ...], seconds: float, folder: Path
) -> tuple[list[Driven], list[Path]]:
    """Drive device after device; the findings, and the written files. Profiles are saved after
    every device, so that a later failure does not cost them.
    """
    from energybench.calibrating.calibrate import drive
    from energybench.measuring.clock import MonotonicClock
    from energybench.store import profiles

    driven: list[Driven] = []
    saved: list[Path] = []
    clock = MonotonicClock()
    with common.progress() as progress:
        for name in names:
            driven.append(drive(sensors, name, host, seconds, clock, progress))
            saved += profiles.save((channel.profile for channel in driven[-1].channels), folder)
    return driven, saved


def _nothing_saved(device: str, driven: list[Driven], rows: list[dict[str, Any]]) -> BadInput:
    """The reason why a calibration gave no profile."""
    if driven and driven[0].reason:
        return BadInput(f"calibrate {driven[0].device}", driven[0].reason, driven[0].remedy)
    if rows:
        missing = rows[0]["not_measured"][0]
        return BadInput(f"calibrate {device}", missing["reason"], missing["remedy"])
    return BadInput(f"calibrate {device}", "gave no profile", "")


def _device(driven: Driven) -> dict[str, Any]:
    reason = {"reason": driven.reason, "remedy": driven.remedy} if driven.reason else None
    return {
        "device": driven.device,
        "load": driven.load,
        "not_driven": reason,
        "channels": [_channel(channel) for channel in driven.channels],
    }


def _channel(finding: Found) -> dict[str, Any]:
    integrates_all = None
    if finding.channel.kind == "counter" and finding.figures.window_s is not None:
        integrates_all = finding.figures.window_s == 0
    return {
        "channel": finding.channel.id,
        "device": finding.channel.device,
        "kind": finding.channel.kind,
        "integrates_all": integrates_all,
        **finding.figures._asdict(),
    }


# ---------------------------------------------------------------- text


def _text(calibration: dict[str, Any]) -> str:
    from energybench.cli.limits import text

    lines = [f"{calibration['host']}"]
    for device in calibration["devices"]:
        lines += _device_lines(device)
    lines += text(calibration["limits"])
    rows = [*lines, "", *(f"written to {path}" for path in calibration["written"])]
    return "\n".join(map(visible, rows))


def _device_lines(device: dict[str, Any]) -> list[str]:
    """A device with channels; notes common to the channels stand at the top."""
    if device["not_driven"]:
        return [
            "",
            f"{device['device']}: not calibrated: {device['not_driven']['reason']}",
            f"  → {device['not_driven']['remedy']}",
        ]
    channels = device["channels"]
    shared: set[str] = set()
    if len(channels) > 1:
        shared = set.intersection(*(set(channel["notes"]) for channel in channels))
    lines = ["", f"{device['device']}: {device['load']}"]
    lines += [f"  {note}" for note in sorted(shared)]
    for channel in channels:
        lines.append(f"  {channel['channel']}")
        if figures := _figures(channel):
            lines.append("    " + "   ".join(figures))
        lines += [f"    {note}" for note in channel["notes"] if note not in shared]
    return lines


def _figures(channel: dict[str, Any]) -> list[str]:
    """Period, window, lag and power levels of a channel, as far as known."""
    figures = [_figure("period", channel, "update_period")]
    if not channel["integrates_all"]:
        figures.append(_figure("window", channel, "window"))
    figures.append(_figure("lag", channel, "lag"))
    if channel["low_w"] is not None:
        figures.append(f"{channel['low_w']:.4g} → {channel['high_w']:.4g} W")
    return [figure for figure in figures if figure]


def _figure(name: str, channel: dict[str, Any], key: str) -> str:
    """'window 25.0 ± 0.4 ms', with one standard uncertainty; empty if the value is not known."""
    from energybench.units import decimals

    value, u = channel[f"{key}_s"], channel[f"{key}_u_s"]
    if value is None:
        return ""
    places = min(max(decimals(1e3 * u) if u else 1, 0), 3)
    if u is None:
        return f"{name} {1e3 * value:.{places}f} ms"
    return f"{name} {1e3 * value:.{places}f} ± {1e3 * u:.{places}f} ms"
