"""One thread for every test of workloads: on a busy machine, threads that synchronise after every
small tensor turn a test of one second into a test of a minute.
"""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> None:
    torch.set_num_threads(1)
