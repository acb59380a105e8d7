"""A node whose true power is known, for the programs of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.callers import Node, node


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path) as live:
        yield live
