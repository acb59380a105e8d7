"""What a program's log is told."""

from __future__ import annotations

import sys


def log_not_measured(label: str, why: str) -> None:
    """A block has no result."""
    # at the end of the interpreter, which closes generators with open blocks, nobody has a log
    if not sys.is_finalizing():
        try:
            import logging
        except OSError:  # no descriptor is left to read the module
            return
        logging.getLogger("energybench").warning("%s is not measured: %s", label, why)
