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
    from energybench.model import ChannelProfile, DeviceLimits, Host

_SECONDS, _LEAST_S, _MOST_S = (
    24.0,
    8.0,
    600.0,
)  # 24 s hold some 45 edges: a 25 ms window in 100 ms meets a quarter of them


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
        raise BadInput(str(folder), "is no folder", "--out FOLDER, or ENERGYBENCH_PROFILES=FOLDER")
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
            "goes with none of --no-limits, --check and --against",
            "one after the other",
        )
    if against is not None:
        if check:
            raise BadInput("--against", "does not go with --check", "one after the other")
        from energybench.cli.calibrate_against import calibrate_against

        calibrate_against(against, store, folder, json, psu_efficiency)
        return
    parts = (not limits_only, not no_limits)
    chosen = tuple(collector or ())
    found = (
        _check(profile, folder, chosen, common.folder(root))
        if check
        else _drive(device, seconds, folder, chosen, root, parts)
    )
    if json:
        common.print_json(found)
    else:
        print(_check_text(found, folder) if check else _text(found))
    raise typer.Exit(0)


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
    from energybench.calibrating.targets import boards, devices
    from energybench.cli.limits import ONLY_REMEDY, reach
    from energybench.measuring.clock import MonotonicClock
    from energybench.store import profiles

    common.folder(root)
    profiles.read(folder)  # a file that cannot be added to is said before the minutes it costs
    clock = MonotonicClock()
    sensors, host = _sensors(collectors, root)
    try:
        profiles.check_replaceable(folder, host.name)
        driven: list[Driven] = []
        saved: list[Path] = []
        rows: list[dict[str, Any]] = []
        try:
            names = devices(sensors, device) if parts[0] else ()
        except BadInput as error:
            raise BadInput(error.where, error.what, f"{error.remedy}; {ONLY_REMEDY}") from None
        bound = boards(sensors, device) if parts[1] else ()
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise BadInput(str(folder), "may not be written to", "--out FOLDER")
        with common.progress() as progress:
            for name in names:
                driven.append(drive(sensors, name, host, seconds, clock, progress))
                saved += profiles.save(
                    (found.profile for found in driven[-1].found), folder
                )  # a later device's failure does not cost this one
        if bound:
            rows, files = reach(bound, host, folder)
            saved += files
    finally:
        sensors.close()
    if not saved:
        refused = driven[0] if driven else None
        missing = (
            rows[0]["not_measured"][0] if rows else {"reason": "gave no profile", "remedy": ""}
        )
        if refused is None or not refused.reason:
            raise BadInput(f"calibrate {device}", missing["reason"], missing["remedy"])
        raise BadInput(f"calibrate {refused.device}", refused.reason, refused.remedy)
    return {
        "schema": "energybench/1",
        "kind": "calibration",
        "host": host.name,
        "devices": [_device(one) for one in driven],
        "limits": rows,
        "written": [str(path) for path in dict.fromkeys(saved)],
    }


def _sensors(collectors: tuple[str, ...], root: Path) -> tuple[Any, Host]:
    """This machine's sensors, without profiles, and its description."""
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


def _device(driven: Driven) -> dict[str, Any]:
    return {
        "device": driven.device,
        "load": driven.load,
        "not_driven": {"reason": driven.reason, "remedy": driven.remedy} if driven.reason else None,
        "channels": [_channel(found) for found in driven.found],
    }


def _channel(found: Found) -> dict[str, Any]:
    figures = found.figures._asdict()
    counter = found.channel.kind == "counter"
    whole = None if not counter or found.figures.window_s is None else found.figures.window_s == 0
    return {
        "channel": found.channel.id,
        "device": found.channel.device,
        "kind": found.channel.kind,
        "integrates_all": whole,
        **figures,
    }


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['host']}"]
    for device in found["devices"]:
        if device["not_driven"]:
            lines.append(
                f"\n{device['device']}: not calibrated: {device['not_driven']['reason']}\n  → "
                f"{device['not_driven']['remedy']}"
            )
            continue
        lines.append(f"\n{device['device']}: {device['load']}")
        common_notes = set.intersection(*(set(channel["notes"]) for channel in device["channels"]))
        common_notes = common_notes if len(device["channels"]) > 1 else set()
        lines += [f"  {note}" for note in sorted(common_notes)]
        for channel in device["channels"]:
            lines.append(f"  {channel['channel']}")
            told = [
                _figure(name, channel, key)
                for name, key in (("period", "update_period"), ("window", "window"), ("lag", "lag"))
            ]
            if channel["integrates_all"]:
                told[1] = ""
            levels = (
                ""
                if channel["low_w"] is None
                else f"{channel['low_w']:.4g} → {channel['high_w']:.4g} W"
            )
            if any((*told, levels)):
                lines.append("    " + "   ".join(filter(None, (*told, levels))))
            lines += [f"    {note}" for note in channel["notes"] if note not in common_notes]
    from energybench.cli.limits import text

    lines += [*text(found["limits"]), "", *(f"written to {path}" for path in found["written"])]
    return "\n".join(lines)


def _figure(name: str, channel: dict[str, Any], key: str) -> str:
    """'window 25.0 ± 0.4 ms'; nothing where it could not be told.

    The uncertainty is one standard deviation.
    """
    from energybench.units import decimals

    value, u = channel[f"{key}_s"], channel[f"{key}_u_s"]
    if value is None:
        return ""
    places = min(max(decimals(1e3 * u) if u else 1, 0), 3)
    return (
        f"{name} {1e3 * value:.{places}f} ± {1e3 * u:.{places}f} ms"
        if u is not None
        else f"{name} {1e3 * value:.{places}f} ms"
    )


def _check(
    file: Path | None, folder: Path, collectors: tuple[str, ...], root: Path
) -> dict[str, Any]:
    """Every profile of the folder against this machine; or one file, which must fit."""
    from energybench.analysis.measurement import roofline as limiting
    from energybench.analysis.measurement.profiles import AGAIN, age_days, belongs, refusal
    from energybench.measuring.calibrated_sensors import now_utc
    from energybench.store import profiles

    broken: tuple[BadInput, ...] = ()
    reached: tuple[DeviceLimits, ...]
    if file is not None:
        one_file = profiles.read_file(file)
        held, reached = one_file.channels, (one_file.limits,) if one_file.limits else ()
    else:
        (held, broken), reached = profiles.read_sound(folder), profiles.read_limits(folder)
    sensors, host = _sensors(collectors, root)
    sensors.close()
    known = {channel.id for channel in sensors.channels}

    def verdict(profile: ChannelProfile) -> str | None:
        if not belongs(profile, host):
            return f"is of {profile.device} on {profile.host}; this is {host.name}" + (
                " and has no such board" if profile.device.startswith("GPU-") else ""
            )
        return refusal(profile, host) or (
            None if profile.channel in known else "no sensor here has that channel"
        )

    rows: list[dict[str, Any]] = [
        {
            "channel": one.channel,
            "device": one.device,
            "host": one.host,
            "refused": verdict(one),
            "age_days": age_days(one.made_utc, now_utc()),
        }
        for one in held
    ]
    for limits in reached:
        ours = (
            limits.host == host.name
            if limits.device == limiting.CPU
            else any(gpu.uuid == limits.device for gpu in host.gpus)
        )
        why = (
            limiting.refusal(limits, host)
            if ours
            else f"are of {limits.device} on {limits.host}; this is {host.name}"
        )
        age = age_days(limits.made_utc, now_utc())
        rows.append(
            {
                "channel": f"limits of {limits.name}",
                "device": limits.device,
                "host": limits.host,
                "refused": why,
                "age_days": age,
            }
        )
    if file is not None:
        for row in rows:
            if row["refused"]:
                raise BadInput(f"{file}: {row['channel']}", row["refused"], AGAIN)
    return {
        "schema": "energybench/1",
        "kind": "profile-check",
        "host": host.name,
        "folder": str(file or folder),
        "profiles": rows,
        "broken": [str(error) for error in broken],
    }


def _check_text(found: dict[str, Any], folder: Path) -> str:
    lines = [f"{found['host']}, profiles in {found['folder']}"]
    for row in found["profiles"]:
        age = "age not known" if row["age_days"] is None else f"{row['age_days']:.0f} days old"
        lines.append(
            f"  {'refused' if row['refused'] else 'fits':<8} {row['channel']} ({age})"
            + (f"\n{'':11}{row['refused']}" if row["refused"] else "")
        )
    lines += [f"  broken   {error}" for error in found["broken"]]
    if len(lines) == 1:
        lines.append(f"  none: energybench calibrate writes them to {folder}")
    return "\n".join(lines)
