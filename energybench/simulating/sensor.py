"""A simulated sensor: the timing stated by its channels, and the true behaviour of the sensor."""

from __future__ import annotations

import math
from typing import NamedTuple

from energybench.model import BoundaryName, Kind

BOARD_MAX_W = 1000.0  # the largest limit of a board on sale: no real reading exceeds it


class Stated(NamedTuple):
    """The stated timing of a channel, s."""

    period_s: float
    window_s: float = 0.0
    lag_u_s: float = 0.0
    stamped: bool = False


class Does(NamedTuple):
    """The true behaviour of a sensor.

    sees_s    averaging time of a power reading; a counter integrates this part of every period (0:
              the whole period)
    lags      by a lag drawn within the stated uncertainty
    stamped   readings carry the time of publication, not the time of the poll
    jitter    standard deviation of each tick about its beat, in periods
    largest_w largest power shown by the sensor; inf for none
    back_j    energy by which a counter is set back once during the run
    """

    period_s: float
    sees_s: float = 0.0
    lags: bool = False
    stamped: bool = False
    jitter: float = 0.0
    largest_w: float = math.inf
    back_j: float = 0.0


class Dial(NamedTuple):
    """A channel of a sensor."""

    quantity: str
    kind: Kind
    resolution: float
    stated: Stated
    does: Does
    wrap: int | None = None


class Varied(NamedTuple):
    """Properties drawn anew by each experiment for every dial of a sensor with an unpublished
    timing.

    periods_s    shortest and longest update period; every seventh sensor has 1 s
    sees         averaged part of each period in a power reading; None: as in the row
    whole_j      share of the counters that count whole joules
    set_back     share of the counters that are set back once by 10 to 100 J
    saturates_w  lowest and highest value at which power readings stop; None without a limit
    """

    periods_s: tuple[float, float]
    sees: float | None = None
    whole_j: float = 0.0
    set_back: float = 0.0
    saturates_w: tuple[float, float] | None = None


class Sensor(NamedTuple):
    """A row: the channels of one device.

    scale   power relative to an accelerator board
    biased  False if no deviation like BIAS was published for the sensor
    """

    name: str
    about: str
    collector: str
    prior: str  # row of data/priors.toml
    dials: tuple[Dial, ...]
    # a package's counter is read like a board's counter: the boundary `device` takes both
    component: str = "gpu.board"
    boundary: BoundaryName = "device"
    max_power_w: float | None = BOARD_MAX_W
    scale: float = 1.0
    together: bool = False  # all channels publish at the same moment
    varied: Varied | None = None  # properties drawn anew by each experiment
    biased: bool = True
