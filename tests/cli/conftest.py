"""A run on a simulated node, measured once for a module, to which tests attach meters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.metered_runs import Run, copied, measured


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return measured(tmp_path_factory.mktemp("node"))


@pytest.fixture
def node(finished: Run, tmp_path: Path) -> Run:
    return copied(finished, tmp_path)
