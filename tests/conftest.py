"""Options that every test may read."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew instead of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """A shell starts background jobs with SIGINT ignored, and what we start would inherit that:
    tests of Ctrl-C want it as at a terminal.
    """
    del config
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "passive"
    )  # several tests share the cores: a thread that waits is not to spin
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)
