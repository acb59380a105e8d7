"""A node with known power, and the versions of pytest with which the plugin is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pytest_plugin.runs import ZONES, Pytest, entry, prepared
from tests.pytest_plugin.spending import counting
from tests.simulators import live_node

PAIRS = ("old", "new")  # lists of packages


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that registers the plugin of this tree."""
    return entry(tmp_path_factory.mktemp("plugin"))


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
def pair(request: pytest.FixtureRequest, plugin: Path, folder: Path, root: Path) -> Pytest:
    """pytest with pytest-benchmark, in the oldest and the newest tested versions."""
    return Pytest((prepared(request.param), plugin), folder, root)


@pytest.fixture
def newest(plugin: Path, folder: Path, root: Path) -> Pytest:
    """The newest pytest and pytest-benchmark."""
    return Pytest((prepared("new"), plugin), folder, root)


@pytest.fixture
def alone(plugin: Path, folder: Path, root: Path) -> Pytest:
    """The project's own pytest, without pytest-benchmark."""
    return Pytest((plugin,), folder, root)


@pytest.fixture
def spending(alone: Pytest) -> Iterator[Pytest]:
    """Sessions on a node whose package uses what the tests state."""
    with counting(alone) as sessions:
        yield sessions
