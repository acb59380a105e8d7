"""What a workload says of its own run beside its work and its checks: words, a statement, figures,
curves, pictures.
"""

from __future__ import annotations

import base64
import binascii
import math

from energybench.model.base import Noun
from energybench.model.doubts import Doubt

Said = str | int | float | bool | None | tuple[str, ...]
_PNG = b"\x89PNG\r\n\x1a\n"


class Series(Noun, frozen=True, kw_only=True):
    """A curve of one run: x and y have the same length; y is None where there is no value. Titles
    carry the unit ("step", "loss (nat)").

    `work_per_x`: the work (its amount) that a unit of x stands for, so that x can be told in
    joules; None where it cannot.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    x_title: str = ""
    y_title: str = ""
    work_per_x: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name} has {len(self.x)} x and {len(self.y)} y")
        if not all(math.isfinite(number) for number in (*self.x, *self.y) if number is not None):
            raise ValueError(f"series {self.name} holds a number that is not finite")


class Progress(Noun, frozen=True, kw_only=True):
    """How far a training that goes over several runs has come in this one: from a checkpoint at
    `first` to `last`.

    `training`: the same for all runs of one training, and no other's. `work_per_unit`: the work
    (its amount) that one of `unit` ("step") stands for.
    """

    training: str
    first: float
    last: float
    unit: str
    work_per_unit: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.first <= self.last:
            raise ValueError(f"progress from {self.first} to {self.last} is none")


class Image(Noun, frozen=True, kw_only=True):
    """A picture as PNG in base64, and what is read out instead of it."""

    name: str
    png: str
    alt: str

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            whole = base64.b64decode(self.png, validate=True).startswith(_PNG)
        except (binascii.Error, ValueError):
            whole = False
        if not whole:
            raise ValueError(f"image {self.name} is no PNG in base64")


class WorkRecord(Noun, frozen=True, kw_only=True):
    """A workload's own record of its last run.

    notes      sentences that a reader must have seen
    statement  topic → what is stated of it, in order ("unit of privacy" → "one example"); `title`
               names the whole
    progress   of a training with a checkpoint: which steps were this run's
    figures    named numbers that are exact for this run and need no interval ("epsilon", "held-out
               accuracy")
    doubts     what weakens it; they stand beside the instrument's own
    """

    title: str = "The workload's record"
    notes: tuple[str, ...] = ()
    statement: dict[str, Said] = {}
    figures: dict[str, float] = {}
    series: tuple[Series, ...] = ()
    images: tuple[Image, ...] = ()
    progress: Progress | None = None
    doubts: tuple[Doubt, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, number in (*self.statement.items(), *self.figures.items()):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{name} is {number}, not a finite number")
