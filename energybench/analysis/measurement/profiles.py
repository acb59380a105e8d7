"""Calibration profiles laid onto channels: which fit this machine as it is now, and what they
change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from energybench.model import Channel, ChannelProfile, Doubt, Gain, Gpu, Host

# half a year: two or three driver and firmware updates of a centre, any of which a version string
# may not show
OLD_DAYS = 180
AGAIN = "energybench calibrate"


def apply(
    profiles: Iterable[ChannelProfile], channels: Sequence[Channel], host: Host, now_utc: str
) -> tuple[tuple[Channel, ...], tuple[Doubt, ...]]:
    """The channels with their profiles on them, and a doubt for each device whose profile is
    refused, or old.

    A profile of another device, or of another host's socket, is none of ours and passed over.
    """
    ours = {profile.channel: profile for profile in profiles if belongs(profile, host)}
    made: list[Channel] = []
    doubts: dict[tuple[str, str], Doubt] = {}  # one for all channels of a device
    for channel in channels:
        profile = ours.get(channel.id)
        if profile is None or profile.device != channel.device:
            made.append(channel)
            continue
        why = refusal(profile, host)
        days = age_days(profile.made_utc, now_utc)
        if why is None and days is None:
            why = f"its date {profile.made_utc!r} is none"
        if why is not None:
            doubts[profile.device, "profile-refused"] = Doubt(
                code="profile-refused",
                message=f"the calibration profile of {profile.device} is not used: {why}",
                remedy=AGAIN,
            )
            made.append(channel)
            continue
        if days is not None and days > OLD_DAYS:
            message = f"the calibration profile of {profile.device} is {days:.0f} days old"
            doubts[profile.device, "profile-old"] = Doubt(
                code="profile-old", message=message, remedy=AGAIN
            )
        made.append(_with(channel, profile))
    return tuple(made), tuple(doubts.values())


def belongs(profile: ChannelProfile, host: Host) -> bool:
    """Whether it is of a device of this machine.

    A GPU's UUID names it anywhere, "package-0" is one on every host.
    """
    if profile.device.startswith("GPU-"):
        return any(gpu.uuid == profile.device for gpu in host.gpus)
    return profile.host == host.name


def refusal(profile: ChannelProfile, host: Host) -> str | None:
    """Why a profile of this machine does not hold for it as it is now; None: it does. What the
    profile does not state is not asked for.
    """
    driver, clocks = state(profile.device, host)
    if profile.driver is not None and profile.driver != driver:
        return (
            f"made with driver {profile.driver}, this is {driver or 'not known'}: calibrate again"
        )
    if profile.clocks is not None and profile.clocks != clocks:
        return f"made at {profile.clocks}, this is {clocks or 'not known'}: calibrate again"
    return None


def state(device: str, host: Host) -> tuple[str | None, str | None]:
    """(driver, clock settings in words) that a timing depends on: of a GPU its driver, limit and
    clocks, else kernel and governor.
    """
    for gpu in host.gpus:
        if gpu.uuid == device:
            return gpu.driver, _clocks(gpu)
    return (
        f"Linux {host.kernel}" if host.kernel else None,
        f"governor {host.governor}" if host.governor else None,
    )


def age_days(made_utc: str, now_utc: str) -> float | None:
    """Days between two ISO times; None where one of them is no such time."""
    try:
        then, now = (
            datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (made_utc, now_utc)
        )
        return (now - then).total_seconds() / 86400
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None


def _clocks(gpu: Gpu) -> str | None:
    parts = [
        f"power limit {gpu.power_limit_w:g} W" if gpu.power_limit_w is not None else "",
        f"SM at most {gpu.sm_clock_max_mhz} MHz" if gpu.sm_clock_max_mhz is not None else "",
        f"memory at most {gpu.memory_clock_max_mhz} MHz"
        if gpu.memory_clock_max_mhz is not None
        else "",
    ]
    return ", ".join(filter(None, parts)) or None


def _with(channel: Channel, profile: ChannelProfile) -> Channel:
    """What the profile could not find out stays as it was believed before."""
    found = {
        "update_period_s": profile.update_period_s,
        "window_s": profile.window_s,
        "lag_s": None
        if profile.lag_s is None
        else max(0.0, profile.lag_s),  # an estimate may fall below 0, a lag does not
        "lag_u_s": None if profile.lag_s is None else profile.lag_u_s,
    }
    known = {name: value for name, value in found.items() if value is not None}
    if known:
        channel = msgspec.structs.replace(
            channel, timing="profile", calibrated_utc=profile.made_utc, **known
        )
    gain = profile.gain
    if gain is not None:
        stands = Gain(
            value=gain.value, u_rel=gain.u_rel, key=channel.gain.key, source=gain.reference
        )
        channel = msgspec.structs.replace(
            channel, gain=stands, calibrated_utc=channel.calibrated_utc or gain.made_utc
        )
    return channel
