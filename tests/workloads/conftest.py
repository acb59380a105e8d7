"""One thread: on a busy machine, threads that wait for each other after every small tensor make a
test of one second take a minute.
"""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> None:
    torch.set_num_threads(1)
