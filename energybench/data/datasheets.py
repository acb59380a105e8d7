"""Data sheets of processors and boards by name, from data/datasheets.toml."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

_SCALE = {
    "read": ("read_gb_s", 1e9),
    "fp64": ("fp64_tflop_s", 1e12),
    "fp32": ("fp32_tflop_s", 1e12),
    "bf16": ("bf16_tflop_s", 1e12),
}


class Sheet(NamedTuple):
    """Stated limits of a processor or board.

    values  by name of the limit: B/s for "read", flop/s for arithmetic; without the limits that the
            sheet leaves out
    per     "board" or "socket"
    """

    values: dict[str, float]
    per: str
    source: str


def sheet(name: str) -> Sheet | None:
    """The first sheet with a pattern that fits the name; None if no pattern fits.

    A virtual machine often hides the model.
    """
    row = next((row for row in _rows() if re.fullmatch(row["match"], name.strip())), None)
    if row is None:
        return None
    return Sheet(
        {limit: row[key] * factor for limit, (key, factor) in _SCALE.items() if key in row},
        row["per"],
        row["source"],
    )


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads(
        files(__package__).joinpath("datasheets.toml").read_text("utf-8")
    )["row"]
    return rows
