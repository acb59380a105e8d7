"""Results of a calibration of a device: timing of its channels, gains, and limits.

Timing is found by driving a known load, a gain by comparing with a reference meter.
"""

from __future__ import annotations

from typing import Literal

from energybench.model.base import NonNegative, Noun, Positive
from energybench.model.limits import DeviceLimits
from energybench.model.sensing import MeterError


class SiteGain(Noun, frozen=True, kw_only=True):
    """Scale of a sensor against a reference meter, valid for the driver and the clocks below.

    value      value shown by the sensor over the true value
    u_rel      relative standard uncertainty of the value, the meter's error included
    reference  name and accuracy of the meter, and the run in which the two were compared
    meter      the meter's part of the uncertainty; None in profiles of older versions
    clocks     power limit and maximum clocks, in words
    """

    value: Positive
    u_rel: NonNegative
    reference: str
    meter: MeterError | None = None
    driver: str | None = None
    clocks: str | None = None
    made_utc: str


class ChannelProfile(Noun, frozen=True, kw_only=True):
    """The calibration of a channel of a board or socket. The timing is valid for the driver and the
    clocks below; the gain states its own.

    channel          Channel.id
    device           Channel.device: GPU UUID, "package-0"
    host             name of the machine, for people
    host_ids         identities of the machine, as Host.identities; empty in profiles of older
                     versions
    clocks           power limit and maximum clocks, in words
    update_period_s  None if the calibration could not determine the period; so for all below
    window_s         averaging window; for a counter the part of each period that it integrates,
                     0 for the whole period
    load             the square wave that was driven, in words
    """

    channel: str
    device: str
    host: str
    host_ids: tuple[str, ...] = ()
    driver: str | None = None
    clocks: str | None = None
    update_period_s: NonNegative | None = None
    update_period_u_s: NonNegative | None = None
    window_s: NonNegative | None = None
    lag_s: float | None = None
    lag_u_s: NonNegative | None = None
    gain: SiteGain | None = None
    load: str = ""
    notes: tuple[str, ...] = ()
    made_utc: str


class Profile(Noun, frozen=True, kw_only=True):
    """The calibration of a device of a machine: the profiles of the channels, and the measured
    limits.
    """

    schema: Literal["energybench-profile/1"] = "energybench-profile/1"
    device: str
    host: str
    host_ids: tuple[str, ...] = ()
    channels: tuple[ChannelProfile, ...] = ()
    limits: DeviceLimits | None = None
