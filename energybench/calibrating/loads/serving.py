"""The load's side of the conversation with loads/child.py."""

from __future__ import annotations

import json
import sys
from typing import Any

from energybench.calibrating.loads.wave import Phase


def say(**answer: Any) -> None:
    """One line to the measuring side."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def asked() -> list[Phase]:
    """The on-phases; empty if the measuring side has gone."""
    line = sys.stdin.readline()
    return [(float(on), float(off)) for on, off in json.loads(line)] if line else []
