"""One thread at the start of every test of workloads: on a busy machine, threads that synchronise
after every small tensor turn a test of one second into a test of a minute. And memory that goes
back: without that, a process of the tests kept four gigabytes to its end.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator

import pytest
import torch


@pytest.hookimpl(tryfirst=True)  # before the fixtures of modules, which run workloads
def pytest_runtest_setup() -> None:
    """A workload of an earlier test may have left torch with a thread for every core."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def _memory_goes_back() -> Iterator[None]:
    """The C library keeps freed memory of the heap; some C libraries lack malloc_trim."""
    yield
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
