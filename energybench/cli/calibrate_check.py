"""`energybench calibrate --check`: whether the profiles on disk fit this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.model import ChannelProfile, DeviceLimits, Host


def check(
    file: Path | None, folder: Path, collectors: tuple[str, ...], root: Path
) -> dict[str, Any]:
    """Every profile of the folder against this machine; or a single file, which must fit.

    Raises BadInput.
    """
    from energybench.analysis.measurement.profiles import AGAIN
    from energybench.cli.machine import open_machine
    from energybench.store import profiles

    broken: tuple[BadInput, ...] = ()
    if file is not None:
        content = profiles.read_file(file)
        channels = content.channels
        limits = (content.limits,) if content.limits else ()
    else:
        channels, broken = profiles.read_sound(folder)
        limits = profiles.read_limits(folder)
    sensors, host = open_machine(collectors, root)
    sensors.close()
    present = {channel.id for channel in sensors.channels}
    rows = [_channel_row(profile, host, present) for profile in channels]
    rows += [_limits_row(device, host) for device in limits]
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


def _channel_row(profile: ChannelProfile, host: Host, present: set[str]) -> dict[str, Any]:
    from energybench.analysis.measurement.profiles import age_days, belongs, refusal
    from energybench.measuring.calibrated_sensors import now_utc

    if not belongs(profile, host):
        refused: str | None = f"is of {profile.device} on {profile.host}; this is {host.name}"
        if profile.device.startswith("GPU-"):
            refused = f"{refused} and has no such board"
    else:
        refused = refusal(profile, host)
        if not refused and profile.channel not in present:
            refused = "no sensor here has that channel"
    return {
        "channel": profile.channel,
        "device": profile.device,
        "host": profile.host,
        "refused": refused,
        "age_days": age_days(profile.made_utc, now_utc()),
    }


def _limits_row(limits: DeviceLimits, host: Host) -> dict[str, Any]:
    from energybench.analysis.measurement import roofline
    from energybench.analysis.measurement.profiles import age_days
    from energybench.measuring.calibrated_sensors import now_utc

    if limits.device == roofline.CPU:
        present = limits.host == host.name
    else:
        present = any(gpu.uuid == limits.device for gpu in host.gpus)
    refused: str | None = f"are of {limits.device} on {limits.host}; this is {host.name}"
    if present:
        refused = roofline.refusal(limits, host)
    return {
        "channel": f"limits of {limits.name}",
        "device": limits.device,
        "host": limits.host,
        "refused": refused,
        "age_days": age_days(limits.made_utc, now_utc()),
    }


def text(checked: dict[str, Any], folder: Path) -> str:
    lines = [f"{checked['host']}, profiles in {checked['folder']}"]
    for row in checked["profiles"]:
        age = "age not known" if row["age_days"] is None else f"{row['age_days']:.0f} days old"
        verdict = "refused" if row["refused"] else "fits"
        lines.append(f"  {verdict:<8} {row['channel']} ({age})")
        if row["refused"]:
            lines.append(f"{'':11}{row['refused']}")
    lines += [f"  broken   {error}" for error in checked["broken"]]
    if len(lines) == 1:
        lines.append(f"  none: energybench calibrate writes them to {folder}")
    return "\n".join(lines)
