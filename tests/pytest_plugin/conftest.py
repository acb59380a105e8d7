"""A node with known power, and the versions of pytest with which the plugin is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pytest_plugin.runs import ZONES, Pytest, entry, installed
from tests.pytest_plugin.spending import counting
from tests.simulators import live_node

PAIRS = {
    "old": ("pytest==8.4.2", "pytest-benchmark==4.0.0"),
    "new": ("pytest==9.2.0", "pytest-benchmark==5.3.1"),
}


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    """The folder for installed packages."""
    folder: Path = request.config.cache.mkdir("pytest-plugin")  # type: ignore[union-attr]
    return folder


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Sensors of a node of known power."""
    with live_node(tmp_path_factory.mktemp("node"), ZONES) as node:
        yield node.root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest, cache: Path, folder: Path, root: Path) -> Pytest:
    """pytest with pytest-benchmark, in the oldest and the newest tested versions."""
    return Pytest((installed(cache, *PAIRS[request.param]), entry(cache)), folder, root)


@pytest.fixture
def newest(cache: Path, folder: Path, root: Path) -> Pytest:
    """The newest pytest and pytest-benchmark."""
    return Pytest((installed(cache, *PAIRS["new"]), entry(cache)), folder, root)


@pytest.fixture
def alone(cache: Path, folder: Path, root: Path) -> Pytest:
    """The project's own pytest, without pytest-benchmark."""
    return Pytest((entry(cache),), folder, root)


@pytest.fixture
def spending(alone: Pytest) -> Iterator[Pytest]:
    """Sessions on a node whose package uses what the tests state."""
    with counting(alone) as sessions:
        yield sessions
