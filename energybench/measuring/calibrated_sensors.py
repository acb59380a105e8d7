"""The sensors of this machine with their calibration profiles on them, and the limits of a device:
what every run opens.
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
    """Lay the folder's profiles (by default the user's) onto the channels. A profile that does not
    fit, or is broken, costs a doubt, not the run.

    The host is described only where there is a profile at all.
    """
    sound, broken = profiles.read_sound(folder or profiles.folder())
    doubts = [
        Doubt(
            code="profile-broken",
            message=f"{error.where}: {error.what}",
            remedy="delete it, or calibrate again",
        )
        for error in broken
    ]
    opened = list(sensors.opened)
    if sound:
        channels, said = apply(sound, sensors.channels, describe(), now_utc())
        opened = [
            entry._replace(channels=channels[entry.first : entry.first + len(entry.channels)])
            for entry in opened
        ]
        doubts += said
    return sensors._replace(opened=tuple(opened), doubts=(*sensors.doubts, *doubts))


def limits_of(
    device: str, host: Host, folder: Path | None = None
) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
    """What the folder's profiles (by default the user's) hold of a workload's device; a doubt where
    that no longer holds, or is old.
    """
    return usable_limits(profiles.read_limits(folder or profiles.folder()), device, host, now_utc())
