"""A workload's own record of its run, beside work and checks: notes, statement, figures, curves,
pictures.
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
    """A curve of a run.

    x, y        equal numbers of values; a y without a value is None
    x_title     title with the unit ("step", "loss (nat)"); likewise y_title
    work_per_x  amount of work for one unit of x, for converting x to an energy; None if unknown
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
    """Progress of a training that extends over several runs.

    training       identity of the training, shared by its runs
    first, last    position of the checkpoint before and after this run, in units
    unit           unit of the position ("step")
    work_per_unit  amount of work for one unit
    """

    training: str
    first: float
    last: float
    unit: str
    work_per_unit: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.first <= self.last:
            raise ValueError(f"progress from {self.first} to {self.last} is not a progress")


class Image(Noun, frozen=True, kw_only=True):
    """A picture as PNG in base64, and the alternative text."""

    name: str
    png: str
    alt: str

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            is_png = base64.b64decode(self.png, validate=True).startswith(_PNG)
        except (binascii.Error, ValueError):
            is_png = False
        if not is_png:
            raise ValueError(f"image {self.name} is not a PNG in base64")


class WorkRecord(Noun, frozen=True, kw_only=True):
    """A workload's own record of its last run.

    title      title of the record
    notes      sentences for every reader
    statement  topic → statement, in order ("unit of privacy" → "one example")
    figures    named numbers that are exact for this run and need no interval ("epsilon", "held-out
               accuracy")
    progress   steps of this run, for a training with a checkpoint
    doubts     the workload's own doubts, beside the doubts of the instrument
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
