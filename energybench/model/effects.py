"""Kinds of effects: the sources of uncertainty known to energybench, and the sorts of sensors."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Distribution, Noun, Positive

EffectKind = Literal[
    "gain",  # scale of a sensor of the node
    "limit-of-error",  # scale of an attached meter, from its data sheet or certificate
    "assumed-power",  # scale of a power model in place of a sensor
    "window-edges",  # position of a window's edges between the sensor's updates
    "load-at-edges",  # the load at the edges, alike in all repeats of the same work
    "region-share",  # energy between two readings, shared by a region and the work around it
    "reading-times",  # when the readings of a power average within a window were published
    "unseen",  # power between the samples of a part-time sensor
    "saturated",  # power above the largest value of a power sensor
    "in-step",  # a load that repeats with the period of a part-time sensor
    "resolution",  # whole counts at both edges of a window
    "rounding",  # the step of power readings, a common error of all readings of a steady load
    "lag",  # delay between the load and its appearance in the sensor
    "clock-offset",  # offset of an attached meter's clock against the run's clock
    "counter-against-power",  # disagreement of a device's energy counter and power readings
    "missing",  # a part of the boundary without a sensor, inside its stated range
    "no-reading",  # a part whose sensor gave no reading at all
    "node-missing",  # an unread node of a job, from the powers of the other nodes
    "node-away",  # the time without readings of a job's node
    "sensor-lost",  # the part of a window without readings of the sensor
    "same-register",  # a counter that may repeat the counter of another die
    "gap",  # a stretch in which the counter may have wrapped or started again
    "model",  # a part with a modelled power within a stated range
    "scatter",  # run-to-run scatter of the repeats
    "assumed-scatter",  # scatter of a single repeat, assumed equal to the scatter of the other side
    "idle-drift",  # difference between the idle power before and after the work
    "time-edges",  # how late the start and the end of the work were noticed
    "edge-times",  # energy during the delay of noticing start and end
    "machine-limit",  # tries of a measured machine limit below the best try
    "stated-range",  # a range stated by a person or a publication for an input
    "slope",  # fitted slope of a node meter against the node's sensors
    "fixed-power",  # constant power that a board's meter misses, or shows beside the board
    "supply-efficiency",  # efficiency of the power supply between a wall meter and the sensors
    "load-followers",  # fans and regulators that draw more as the load rises
    "parts-without-sensor",  # parts seen by the node meter without a sensor of the node
]

SensorSort = Literal["counter", "power", "meter", "model"]
"""A counter or a power reading of the node, an attached meter of the user's own, or a model."""


class Effect(Noun, frozen=True, kw_only=True):
    """A source of uncertainty of a value, in the value's own unit.

    name          kind, component and device in words, for people; made from the fields below
    u             signed contribution c·u(x) (GUM 5.1.3); the sign matters only against other values
                  with the same key
    distribution  normal; student (scale u, `dof`); rectangular (half-width u·√3); bound: the truth
                  lies anywhere from the value to value + u·√12, only on the side of u, and
                  intervals take the whole range
    key           the owner of the error (sensor, model, site). Values with the same key share the
                  error. None: no other value shares the error
    component     component of the part behind the effect ("gpu.board"); "" if none
    device        device of the part behind the effect (GPU UUID, "package-0"); "" if none
    sensor        sort of the sensor behind the effect; None if the effect has no sensor
    """

    name: str
    u: float
    distribution: Distribution = "normal"
    dof: Positive | None = None
    key: str | None = None
    kind: EffectKind
    component: str = ""
    device: str = ""
    sensor: SensorSort | None = None
