"""The sensors of the machine with calibration profiles, and the measured limits of a device, as
opened by every run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from energybench.analysis.measurement.profiles import apply, usable_limits
from energybench.measuring.sensors import Sensors
from energybench.model import DeviceLimits, Doubt, Host
from energybench.store import profiles


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def with_profiles(
    sensors: Sensors, describe: Callable[[], Host], folder: Path | None = None
) -> Sensors:
    """Apply the profiles of a folder (by default the user's) to the channels. A broken or
    unsuitable profile is a doubt and does not end the run.

    The host is described only if the folder holds a profile.
    """
    stored = folder or profiles.folder()
    sound, broken = profiles.read_sound(stored)
    doubts = [
        Doubt(
            code="profile-broken",
            message=f"{error.where}: {error.what}",
            remedy=error.remedy if error.where == str(stored) else "delete it, or calibrate again",
        )
        for error in broken
    ]
    opened = list(sensors.opened)
    if sound:
        channels, profile_doubts = apply(sound, sensors.channels, describe(), now_utc())
        opened = [
            entry._replace(channels=channels[entry.first : entry.first + len(entry.channels)])
            for entry in opened
        ]
        doubts += profile_doubts
    return sensors._replace(opened=tuple(opened), doubts=(*sensors.doubts, *doubts))


def limits_of(
    device: str, host: Host, folder: Path | None = None
) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
    """Limits of a workload's device from the profiles of a folder (by default the user's), and
    doubts if the limits no longer hold or are old.
    """
    return usable_limits(profiles.read_limits(folder or profiles.folder()), device, host, now_utc())
