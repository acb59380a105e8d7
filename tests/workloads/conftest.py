"""One thread at the start of every test of workloads: on a busy machine, threads that synchronise
after every small tensor turn a test of one second into a test of a minute.
"""

from __future__ import annotations

import pytest
import torch


@pytest.hookimpl(tryfirst=True)  # before the fixtures of modules, which run workloads
def pytest_runtest_setup() -> None:
    """A workload of an earlier test may have left torch with a thread for every core."""
    torch.set_num_threads(1)
