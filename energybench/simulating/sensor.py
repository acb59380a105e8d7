"""A simulated sensor: the timing that its channels state, and what the sensor truly does."""

from __future__ import annotations

import math
from typing import NamedTuple

from energybench.model import BoundaryName, Kind

BOARD_MAX_W = 1000.0  # the largest limit of a board on sale: no real reading exceeds it


class Stated(NamedTuple):
    """The timing that a channel states, s."""

    period_s: float
    window_s: float = 0.0
    lag_u_s: float = 0.0
    stamped: bool = False


class Does(NamedTuple):
    """The true behaviour of a sensor.

    sees_s    a power reading is the mean over this time; a counter integrates this part of every
              period (0: the whole period)
    lags      by a lag drawn within the stated uncertainty
    stamped   readings carry the time of publication, not the time of the poll
    jitter    standard deviation of each tick about its beat, in periods
    largest_w largest power that the sensor shows; inf for none
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
    """One channel of a sensor."""

    quantity: str
    kind: Kind
    resolution: float
    stated: Stated
    does: Does
    wrap: int | None = None


class Varied(NamedTuple):
    """What each experiment draws anew for every dial of a sensor whose timing nobody states.

    periods_s    shortest and longest update period; every seventh sensor has 1 s
    sees         part of each period that a power reading averages over; None: as in the row
    whole_j      share of the counters that count whole joules
    set_back     share of the counters that are set back once by 10 to 100 J
    saturates_w  lowest and highest value at which power readings stop; None for none
    """

    periods_s: tuple[float, float]
    sees: float | None = None
    whole_j: float = 0.0
    set_back: float = 0.0
    saturates_w: tuple[float, float] | None = None


class Sensor(NamedTuple):
    """A row: the channels of one device.

    scale   power relative to one accelerator board
    biased  False if no deviation like BIAS was published for the sensor
    """

    name: str
    about: str
    collector: str
    prior: str  # row of data/priors.toml
    dials: tuple[Dial, ...]
    # the counter of a package is read like the counter of a board: the boundary `device` takes both
    component: str = "gpu.board"
    boundary: BoundaryName = "device"
    max_power_w: float | None = BOARD_MAX_W
    scale: float = 1.0
    together: bool = False  # all channels publish at the same moment
    varied: Varied | None = None  # properties that each experiment draws anew
    biased: bool = True
