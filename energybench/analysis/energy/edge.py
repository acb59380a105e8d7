"""An edge of a window, and what all kinds of sensor assume of a step at an edge."""

from __future__ import annotations

from typing import Literal, NamedTuple

Side = Literal["start", "end"]

# A step stands between two plateaus if the roughness of each plateau is below this share of the
# step.
PLATEAU = 0.2
# How far a step may be from sharp, relative to the step: the ramp of a load lasts some
# milliseconds, the period of a sensor 100 ms.
SOFT = 0.05


class Edge(NamedTuple):
    """Cumulated energy at an edge, J, and its standard uncertainty, J, which belongs to this edge
    alone.
    """

    energy_j: float
    u_j: float
