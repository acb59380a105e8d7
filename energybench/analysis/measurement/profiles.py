"""Results of a calibration on this machine as it is now: profiles of channels, limits of devices.

A profile or a limit holds for the device, driver, clocks and threads of its calibration. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from energybench.model import (
    Channel,
    ChannelProfile,
    DeviceLimits,
    Doubt,
    DoubtCode,
    Gain,
    Gpu,
    Host,
    same_identity,
)

CPU = "cpu"  # device name of all CPUs of a host together
BOARD = "GPU-"  # begins the names of unique devices
_UNIDENTIFIED = "made by an older version, which did not identify its machine: calibrate again"
_WITHOUT_METER = (
    "made by an older version, which did not record the meter's part of the uncertainty: "
    "calibrate again"
)
# Age of a calibration that is worth a doubt: half a year holds two or three updates of drivers and
# firmware in a centre, often without a new version string.
OLD_DAYS = 180
AGAIN = "energybench calibrate"
AGAINST_AGAIN = "energybench attach, then energybench calibrate --against"
LIMITS_AGAIN = "energybench calibrate --limits-only, on an idle machine"


# ---------------------------------------------------------------- profiles of channels


def apply(
    profiles: Iterable[ChannelProfile], channels: Sequence[Channel], host: Host, now_utc: str
) -> tuple[tuple[Channel, ...], tuple[Doubt, ...]]:
    """Apply the profiles to the channels. Add a doubt for each device with an old or refused timing
    or gain.

    Timing and gain have separate dates and conditions, and are judged apart. A profile of another
    device, or of another host's socket, is passed over. If a channel has several profiles, the
    newest profile is used.
    """
    by_channel = {
        profile.channel: profile
        for profile in sorted(profiles, key=lambda profile: profile.made_utc)
        if belongs(profile, host)
    }
    calibrated: list[Channel] = []
    doubts: dict[Doubt, None] = {}  # one doubt for all channels of a device with the same reason
    for channel in channels:
        profile = by_channel.get(channel.id)
        if profile is not None and profile.device == channel.device:
            usable, about = usable_parts(profile, host, now_utc)
            doubts |= dict.fromkeys(about)
            channel = _with_profile(channel, usable)
        calibrated.append(channel)
    return tuple(calibrated), tuple(doubts)


def usable_parts(
    profile: ChannelProfile, host: Host, now_utc: str
) -> tuple[ChannelProfile, tuple[Doubt, ...]]:
    """The profile without a timing or gain that does not hold now, and a doubt for a refused or old
    part.
    """
    doubts: list[Doubt] = []
    usable = profile
    if has_timing(profile):
        name = f"the calibration profile of {profile.device}"
        reason = refusal(profile, host)
        refused, about = _judged(profile, name, reason, profile.made_utc, now_utc, AGAIN)
        doubts += about
        if refused:
            usable = msgspec.structs.replace(
                usable, update_period_s=None, window_s=None, lag_s=None, lag_u_s=None
            )
    if profile.gain is not None:
        name = f"the gain of {profile.device} against a meter"
        reason = gain_refusal(profile, host)
        made_utc = profile.gain.made_utc
        refused, about = _judged(profile, name, reason, made_utc, now_utc, AGAINST_AGAIN)
        doubts += about
        if refused:
            usable = msgspec.structs.replace(usable, gain=None)
    return usable, tuple(doubts)


def _judged(
    profile: ChannelProfile,
    name: str,
    reason: str | None,
    made_utc: str,
    now_utc: str,
    remedy: str,
) -> tuple[bool, tuple[Doubt, ...]]:
    """Whether a part of a profile is refused, and a doubt about a refused or old part.

    reason  reason why the part does not hold under the present conditions; None if the part holds
    """
    days = age_days(made_utc, now_utc)
    if reason is None and days is None:
        reason = f"its date {made_utc!r} is not a date"
    code: DoubtCode
    if reason is not None:
        code, message = "profile-refused", f"{name} is not used: {reason}"
    elif days is not None and days > OLD_DAYS:
        code, message = "profile-old", f"{name} is {days:.0f} days old"
    else:
        return False, ()
    doubt = Doubt(code=code, message=message, remedy=remedy, subject=profile.device)
    return reason is not None, (doubt,)


def has_timing(profile: ChannelProfile) -> bool:
    """Whether a load was driven for the profile (even without result), or a timing is stated."""
    return bool(profile.load) or any(
        figure is not None for figure in (profile.update_period_s, profile.window_s, profile.lag_s)
    )


def belongs(found: ChannelProfile | DeviceLimits, host: Host) -> bool:
    """Whether a profile or limits are of a device of this host.

    The UUID of a GPU names the board on any host; "package-0" exists on every host. A profile of an
    older version names only its host: the profile may belong here, and `refusal` reports the gap.
    """
    if any(gpu.uuid == found.device for gpu in host.gpus):
        return True
    if found.device.startswith(BOARD):
        return False
    if found.host_ids:
        return same_identity(found.host_ids, host.identities) is True
    return found.host == host.name


def refusal(profile: ChannelProfile, host: Host) -> str | None:
    """The reason why the timing of a profile of this host does not hold now; None if the timing
    holds.

    Conditions missing from the profile are not tested.
    """
    return _other_conditions(profile, profile.driver, profile.clocks, host)


def gain_refusal(profile: ChannelProfile, host: Host) -> str | None:
    """The reason why the gain of a profile of this host does not hold now; None if the gain holds
    or is missing.

    Conditions missing from the gain are not tested.
    """
    gain = profile.gain
    if gain is None:
        return None
    if gain.meter is None:
        return _WITHOUT_METER
    return _other_conditions(profile, gain.driver, gain.clocks, host)


def _other_conditions(
    profile: ChannelProfile, made_driver: str | None, made_clocks: str | None, host: Host
) -> str | None:
    if not profile.host_ids and not profile.device.startswith(BOARD):
        return _UNIDENTIFIED
    driver, clocks = state(profile.device, host)
    if made_driver is not None and made_driver != driver:
        return f"made with driver {made_driver}, this is {driver or 'not known'}: calibrate again"
    if made_clocks is not None and made_clocks != clocks:
        return f"made at {made_clocks}, this is {clocks or 'not known'}: calibrate again"
    return None


def state(device: str, host: Host) -> tuple[str | None, str | None]:
    """(driver, clock settings in words), on which the timing of a sensor depends.

    For a GPU: its driver, power limit and clocks; else the kernel and the governor.
    """
    for gpu in host.gpus:
        if gpu.uuid == device:
            return gpu.driver, _clocks(gpu)
    kernel = f"Linux {host.kernel}" if host.kernel else None
    governor = f"governor {host.governor}" if host.governor else None
    return kernel, governor


def age_days(made_utc: str, now_utc: str) -> float | None:
    """Days between two ISO times; None if one of the texts is not an ISO time."""
    try:
        then, now = (
            datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (made_utc, now_utc)
        )
        return (now - then).total_seconds() / 86400
    except (ValueError, TypeError):  # not a date, or only one of two dates has a zone
        return None


def _clocks(gpu: Gpu) -> str | None:
    settings = (
        ("power limit {:g} W", gpu.power_limit_w),
        ("SM at most {} MHz", gpu.sm_clock_max_mhz),
        ("memory at most {} MHz", gpu.memory_clock_max_mhz),
    )
    return ", ".join(words.format(value) for words, value in settings if value is not None) or None


def _with_profile(channel: Channel, profile: ChannelProfile) -> Channel:
    """The channel with the profile's findings. Quantities without a finding stay unchanged."""
    timing = {
        "update_period_s": profile.update_period_s,
        "window_s": profile.window_s,
        # An estimate of the lag may fall below 0; a lag does not.
        "lag_s": None if profile.lag_s is None else max(0.0, profile.lag_s),
        "lag_u_s": None if profile.lag_s is None else profile.lag_u_s,
    }
    determined = {name: value for name, value in timing.items() if value is not None}
    if determined:
        channel = msgspec.structs.replace(
            channel, timing="profile", calibrated_utc=profile.made_utc, **determined
        )
    gain = profile.gain
    if gain is not None:
        channel = msgspec.structs.replace(
            channel,
            gain=Gain(
                value=gain.value,
                u_rel=gain.u_rel,
                key=channel.gain.key,
                source=gain.reference,
                calibration=gain.made_utc,
                meter=gain.meter,
            ),
            calibrated_utc=channel.calibrated_utc or gain.made_utc,
        )
    return channel


# ---------------------------------------------------------------- limits of devices


def devices_of(device: str, host: Host) -> tuple[str, ...]:
    """The devices behind a workload's `--device`: all CPUs together, or the UUIDs of its boards."""
    return (CPU,) if device == CPU else tuple(gpu.uuid for gpu in host.gpus_of_work)


def usable_limits(
    stored: Iterable[DeviceLimits], device: str, host: Host, now_utc: str
) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
    """The limits of the devices that a workload was given, added up over several boards; and a
    doubt for each device with refused or old limits.

    None if a device has no valid limits.
    """
    newest = {
        limits.device: limits
        for limits in sorted(stored, key=lambda limits: limits.made_utc)
        if limits.device != CPU or belongs(limits, host)
    }
    devices = devices_of(device, host)
    usable: list[DeviceLimits] = []
    doubts: list[Doubt] = []
    for limits in (newest[name] for name in devices if name in newest):
        days = age_days(limits.made_utc, now_utc)
        reason = limits_refusal(limits, host)
        if reason is None and days is None:
            reason = f"their date {limits.made_utc!r} is not a date"
        if reason is not None:
            message = f"the measured limits of {limits.device} are not used: {reason}"
            doubts.append(_limits_doubt("limits-refused", message, limits.device))
            continue
        if days is not None and days > OLD_DAYS:
            message = f"the measured limits of {limits.device} are {days:.0f} days old"
            doubts.append(_limits_doubt("limits-old", message, limits.device))
        usable.append(limits)
    complete = bool(usable) and len(usable) == len(devices)
    return (_together(usable) if complete else None), tuple(doubts)


def _limits_doubt(code: DoubtCode, message: str, device: str) -> Doubt:
    return Doubt(code=code, message=message, remedy=LIMITS_AGAIN, subject=device)


def _together(boards: Sequence[DeviceLimits]) -> DeviceLimits:
    """Limits of boards that work at the same time: their rates add up, try by try."""
    first = boards[0]
    if len(boards) == 1:
        return first
    summed = []
    for limit in first.limits:
        others = [other for board in boards if (other := board.of(limit.name)) is not None]
        if len(others) == len(boards):
            tries = zip(*(other.runs for other in others), strict=False)
            runs = tuple(sum(rates) for rates in tries)
            note = next((other.note for other in others if other.note), "")
            summed.append(msgspec.structs.replace(limit, runs=runs, note=note))
    names = dict.fromkeys(board.name for board in boards)
    return msgspec.structs.replace(
        first,
        device="+".join(board.device for board in boards),
        name=f"{len(boards)} x {' and '.join(names)}",
        limits=tuple(summed),
        notes=tuple(note for board in boards for note in board.notes),
        made_utc=min(board.made_utc for board in boards),
    )


def limits_refusal(limits: DeviceLimits, host: Host) -> str | None:
    """The reason why limits do not hold for the present device; None if the limits hold.

    Conditions missing from the limits are not tested.
    """
    if limits.device == CPU and not limits.host_ids:
        return _UNIDENTIFIED
    driver, clocks = state(limits.device, host)
    threads, name = None, host.cpu
    if limits.device == CPU:
        threads = host.threads_allowed
    else:
        name = next((gpu.name for gpu in host.gpus if gpu.uuid == limits.device), None)
    conditions = (
        (limits.name, name or "not known", "measured on {}"),
        (limits.driver, driver, "measured with driver {}"),
        (limits.clocks, clocks, "measured at {}"),
        (limits.threads, threads, "measured on {} threads"),
    )
    for then, now, words in conditions:
        if then is not None and then != now:
            current = "not known" if now is None else now
            return f"{words.format(then)}, this is {current}: calibrate again"
    return None
