"""`energybench calibrate --check`: whether the profiles fit the machine at present."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.errors import BadInput
from energybench.foreign_text import visible
from energybench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from energybench.model import ChannelProfile, DeviceLimits, Host


def check(
    file: Path | None, folder: Path, collectors: tuple[str, ...], root: Path
) -> dict[str, Any]:
    """Compare every profile of the folder, or a single file, with the machine.

    Raises BadInput if the single file does not fit.
    """
    from energybench.cli.calibrate import open_sensors
    from energybench.store import profiles

    # the profiles
    broken: tuple[BadInput, ...] = ()
    limits: tuple[DeviceLimits, ...]
    if file is not None:
        contents = profiles.read_file(file)
        channels = contents.channels
        limits = (contents.limits,) if contents.limits else ()
    else:
        channels, broken = profiles.read_sound(folder)
        limits = profiles.read_limits(folder)

    # the machine
    sensors, host = open_sensors(collectors, root)
    sensors.close()
    here = {channel.id for channel in sensors.channels}

    rows = [
        *(row for profile in channels for row in channel_rows(profile, host, here)),
        *(_limits_row(device, host) for device in limits),
    ]
    if file is not None:
        for row in rows:
            if row["refused"]:
                raise BadInput(f"{file}: {row['channel']}", row["refused"], row["remedy"])
    return {
        "schema": "energybench/1",
        "kind": "profile-check",
        "host": host.name,
        "folder": str(file or folder),
        "profiles": rows,
        "broken": [str(error) for error in broken],
    }


def channel_rows(profile: ChannelProfile, host: Host, here: set[str]) -> Iterator[dict[str, Any]]:
    """Rows of a channel's timing and gain; `here`: ids of the machine's channels."""
    from energybench.analysis.measurement.profiles import (
        AGAIN,
        AGAINST_AGAIN,
        age_days,
        belongs,
        gain_refusal,
        has_timing,
        refusal,
    )
    from energybench.measuring.calibrated_sensors import now_utc

    misplaced: str | None = None
    if not belongs(profile, host):
        misplaced = _elsewhere("is", profile, host)
    elif profile.channel not in here:
        misplaced = "no sensor here has that channel"
    gain = profile.gain
    parts = []
    if has_timing(profile) or gain is None:
        parts.append((profile.channel, refusal(profile, host), profile.made_utc, AGAIN))
    if gain is not None:
        name = f"gain of {profile.channel}"
        parts.append((name, gain_refusal(profile, host), gain.made_utc, AGAINST_AGAIN))
    for name, refused, made_utc, remedy in parts:
        yield {
            "channel": name,
            "device": profile.device,
            "host": profile.host,
            "refused": misplaced or refused,
            "remedy": remedy,
            "age_days": age_days(made_utc, now_utc()),
        }


def _limits_row(limits: DeviceLimits, host: Host) -> dict[str, Any]:
    """Row of a device's measured limits."""
    from energybench.analysis.measurement.profiles import (
        LIMITS_AGAIN,
        age_days,
        belongs,
        limits_refusal,
    )
    from energybench.measuring.calibrated_sensors import now_utc

    refused = limits_refusal(limits, host)
    if not belongs(limits, host):
        refused = _elsewhere("are", limits, host)
    return {
        "channel": f"limits of {limits.name}",
        "device": limits.device,
        "host": limits.host,
        "refused": refused,
        "remedy": LIMITS_AGAIN,
        "age_days": age_days(limits.made_utc, now_utc()),
    }


def _elsewhere(verb: str, found: ChannelProfile | DeviceLimits, host: Host) -> str:
    """The reason why a profile or limits of another machine do not hold here."""
    from energybench.analysis.measurement.profiles import BOARD

    if found.device.startswith(BOARD):
        return (
            f"{verb} of {found.device} on {found.host}; this is {host.name} and has no such board"
        )
    return (
        f"{verb} of {found.device} of another machine, {found.host}; this is {host.name} "
        "(ENERGYBENCH_HOST_ID names a machine whose identity is hidden or changes)"
    )


def text(findings: dict[str, Any], folder: Path) -> str:
    """A line for every profile, with the reason for a refusal."""
    lines = [f"{findings['host']}, profiles in {findings['folder']}"]
    for row in findings["profiles"]:
        age = (
            "age not known"
            if row["age_days"] is None
            else f"{counted(round(row['age_days']), 'day')} old"
        )
        lines.append(f"  {'refused' if row['refused'] else 'fits':<8} {row['channel']} ({age})")
        if row["refused"]:
            lines.append(f"{'':11}{row['refused']}")
    lines += [f"  broken   {error}" for error in findings["broken"]]
    if len(lines) == 1:
        lines.append(f"  none: energybench calibrate writes profiles to {folder}")
    return "\n".join(map(visible, lines))
