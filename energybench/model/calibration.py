"""What a calibration found out about a device: timing of its channels by driving a known load, gain
by a reference meter, and the device's limits.
"""

from __future__ import annotations

from typing import Literal

from energybench.model.base import NonNegative, Noun, Positive
from energybench.model.limits import DeviceLimits


class SiteGain(Noun, frozen=True, kw_only=True):
    """A sensor's scale against a reference meter: `value` = shown / true, with its relative
    standard uncertainty.
    """

    value: Positive
    u_rel: NonNegative
    reference: str  # the meter's name and accuracy, and the run it was compared in
    made_utc: str


class ChannelProfile(Noun, frozen=True, kw_only=True):
    """One channel of one board or socket under one driver and one setting of its clocks.

    None: could not be found out.
    """

    channel: str  # Channel.id
    device: str  # Channel.device: GPU UUID, "package-0"
    host: str
    driver: str | None = None
    clocks: str | None = None  # power limit and maximum clocks, in words
    update_period_s: NonNegative | None = None
    update_period_u_s: NonNegative | None = None
    window_s: NonNegative | None = (
        None  # of a counter: what it integrates of each period; 0: all of it
    )
    lag_s: float | None = None
    lag_u_s: NonNegative | None = None
    gain: SiteGain | None = None
    load: str = ""  # the square wave that was driven
    notes: tuple[str, ...] = ()
    made_utc: str


class Profile(Noun, frozen=True, kw_only=True):
    """All that is known about one device: its channels, and what it reaches at most."""

    schema: Literal["energybench-profile/1"] = "energybench-profile/1"
    device: str
    host: str
    channels: tuple[ChannelProfile, ...] = ()
    limits: DeviceLimits | None = None
