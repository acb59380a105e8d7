"""The folder that /sys, /proc and /dev lie in. Imports next to nothing."""

from __future__ import annotations

import os

ROOT_VARIABLE = "ENERGYBENCH_ROOT"


def default_root() -> str:
    """The folder if the user states none: that of the environment, else /."""
    return os.environ.get(ROOT_VARIABLE) or "/"
