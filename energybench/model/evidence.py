"""How a value is known."""

from __future__ import annotations

from typing import Literal

# The first three are the evidence of a comparison: its energies were measured, were read from a
# recording, or rest on assumed powers.
Evidence = Literal["measured", "replayed", "estimated", "seen", "inferred", "assumed", "unstated"]
