"""Doubts of plugins that were not type-checked: a code outside the catalogue becomes a note."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import msgspec

from energybench.model import Doubt, DoubtCode


def catalogued(doubts: Iterable[Doubt], note: DoubtCode) -> tuple[Doubt, ...]:
    """The doubts of a plugin, each with a code of the catalogue.

    note  the code in place of a code that the catalogue does not hold, which then stands in the
          message
    """
    return tuple(
        doubt
        if doubt.code in get_args(DoubtCode)
        else msgspec.structs.replace(doubt, code=note, message=f"[{doubt.code}] {doubt.message}")
        for doubt in doubts
    )
