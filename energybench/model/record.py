"""What a workload says of its own run beside its work and its checks: words, a statement, figures, curves, pictures."""

from __future__ import annotations

import base64
import binascii
import math

from energybench.model.base import Noun
from energybench.model.values import Doubt

Said = str | int | float | bool | None | tuple[str, ...]
_PNG = b"\x89PNG\r\n\x1a\n"


class Series(Noun, frozen=True, kw_only=True):
    """A curve of one run: x and y have the same length; y is None where there is no value. Titles carry the unit ("step", "loss (nat)")."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    x_title: str = ""
    y_title: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name} has {len(self.x)} x and {len(self.y)} y")
        if not all(math.isfinite(number) for number in (*self.x, *self.y) if number is not None):
            raise ValueError(f"series {self.name} holds a number that is not finite")


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
    statement  topic → what is stated of it, in order ("unit of privacy" → "one example"); `title` names the whole
    figures    named numbers that are exact for this run and need no interval ("epsilon", "held-out accuracy")
    doubts     what weakens it; they stand beside the instrument's own
    """

    title: str = "The workload's record"
    notes: tuple[str, ...] = ()
    statement: dict[str, Said] = {}
    figures: dict[str, float] = {}
    series: tuple[Series, ...] = ()
    images: tuple[Image, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, number in (*self.statement.items(), *self.figures.items()):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{name} is {number}, not a finite number")
