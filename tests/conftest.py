"""Options and surroundings of all tests."""

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
    """Waiting threads sleep, and SIGINT interrupts.

    A shell starts background jobs with SIGINT ignored, and programs that the tests start would
    inherit that; tests of Ctrl-C need the behaviour of a terminal.
    """
    del config
    # Several tests share the cores: a thread that waits must not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before the fixtures of the test
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test with the marker `gpu` is skipped if torch sees no GPU."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
