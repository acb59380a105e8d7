"""Clusters of a real Slurm, each started once in a session and only if a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulators.slurm import Cluster, SetUp, Site, missing


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the cluster run in two processes, each with clusters of its own: each cluster is
    started once in each of them, and most of the time is waiting.
    """
    of_slurm = [item for item in items if item.get_closest_marker("slurm") is not None]
    files = sorted({item.path for item in of_slurm})
    for item in of_slurm:
        item.add_marker(pytest.mark.xdist_group(f"slurm-{files.index(item.path) % 2}"))


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with Site() as site:
        yield site


@pytest.fixture(scope="session")
def slurm(site: Site) -> Iterator[Cluster]:
    """PrologFlags=Contain and acct_gather_energy/rapl."""
    with Cluster(site, SetUp("contain")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def slurm_without_contain(site: Site) -> Iterator[Cluster]:
    with Cluster(site, SetUp("steps", contain=False)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def slurm_without_energy(site: Site) -> Iterator[Cluster]:
    with Cluster(site, SetUp("noenergy", energy_plug_in="none")) as cluster:
        yield cluster
