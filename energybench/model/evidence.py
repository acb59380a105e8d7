"""How a value is known."""

from __future__ import annotations

from typing import Literal

# The first four are the evidence of a comparison: its energies were measured, were read from a
# recording, rest in part on assumed powers, or rest on assumed powers.
Evidence = Literal[
    "measured",
    "replayed",
    "partly-estimated",
    "estimated",
    "seen",
    "inferred",
    "assumed",
    "unstated",
]
