"""Base class of all nouns (frozen, strict, finite), and the words that several nouns share."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

SCHEMA = "energybench/1"

# Titles of a ratio: of measured energies, and of energies of which one side is estimated.
ENERGY_RATIO = "energy ratio"
TIME_X_ASSUMED_POWER = "time x assumed power"

Kind = Literal["counter", "power"]
Quality = Literal["measured", "estimated", "mixed"]
Distribution = Literal["normal", "student", "rectangular", "bound"]
BoundaryName = Literal["node-ac", "node-dc", "compute", "device"]
PartState = Literal["measured", "modelled", "missing"]
Timing = Literal["prior", "profile", "inferred"]
Verdict = Literal["better", "worse", "equivalent", "inconclusive"]
PrecisionPolicy = Literal["equal-precision", "equal-accuracy"]

NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class NotFinite(ValueError):
    """NaN or an infinity in place of a number."""


class Noun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base class of all nouns.

    Refuses NaN and infinities: JSON cannot carry them, and arithmetic would spread them.
    """

    def __post_init__(self) -> None:
        # over the tuple of values, because a report of a thousand runs makes a million nouns
        for place, value in enumerate(msgspec.structs.astuple(self)):
            if isinstance(value, float) and not math.isfinite(value):
                name = self.__struct_fields__[place]
                raise NotFinite(f"{name} is {value}, not a finite number")
