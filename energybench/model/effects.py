"""Kinds of effects: the sources of uncertainty that energybench knows, and the sorts of sensors."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Distribution, Noun, Positive

EffectKind = Literal[
    "gain",  # scale of a sensor of the node
    "limit-of-error",  # scale of an attached meter, as its data sheet or certificate states it
    "assumed-power",  # scale of a power model that stands in place of a sensor
    "window-edges",  # where the edges of one window fell between the sensor's updates
    "load-at-edges",  # the load at the edges, alike in all repeats of the same work
    "region-share",  # energy between two readings, which a region and the work around it share
    "reading-times",  # when the readings of a power average within a window were published
    "unseen",  # power between the samples of a part-time sensor
    "saturated",  # power above the largest value that a power sensor shows
    "in-step",  # a load that repeats with the period of a part-time sensor
    "resolution",  # whole counts at both edges of a window
    "rounding",  # the step of power readings, in which every reading of a steady load errs alike
    "lag",  # delay between the load and its appearance in the sensor
    "clock-offset",  # offset of an attached meter's clock against the run's clock
    "counter-against-power",  # the energy counter and the power readings of one device disagree
    "missing",  # a part of the boundary without a sensor, inside its stated range
    "no-reading",  # a part whose sensor gave no reading at all
    "node-missing",  # a node of a job that was not read, from the powers of the others
    "node-away",  # the time for which a node of a job was not read
    "sensor-lost",  # the part of a window in which the sensor gave no readings
    "same-register",  # a counter that may repeat the counter of another die
    "gap",  # a stretch in which the counter may have wrapped or started again
    "model",  # a part whose power is modelled within a stated range
    "scatter",  # run-to-run scatter of the repeats
    "assumed-scatter",  # scatter of a single repeat, assumed to be that of the other side
    "idle-drift",  # difference between the idle power before and after the work
    "time-edges",  # how late the start and the end of the work were noticed
    "edge-times",  # energy of the time by which they may have been noticed late
    "machine-limit",  # tries of a measured machine limit below the best try
    "stated-range",  # a range that a person or a publication stated for an input
    "slope",  # fitted slope of a node meter against the node's sensors
    "fixed-power",  # power that a board's meter misses, or shows beside the board, at every load
    "supply-efficiency",  # efficiency of the power supply between a wall meter and the sensors
    "load-followers",  # fans and regulators that draw more as the load rises
    "parts-without-sensor",  # parts that the node meter sees and no sensor of the node does
]

SensorSort = Literal["counter", "power", "meter", "model"]
"""A counter or a power reading of the node, an attached meter of the user's own, or a model."""


class Effect(Noun, frozen=True, kw_only=True):
    """One source of uncertainty of a value, in the value's own unit.

    name          kind, component and device in words, for people; made from the fields below
    u             signed contribution c·u(x) (GUM 5.1.3); the sign matters only against other values
                  with the same key
    distribution  normal; student (scale u, `dof`); rectangular (half-width u·√3);
                  bound: the truth lies anywhere from the value to value + u·√12, on that side only,
                  and intervals take the whole range
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
