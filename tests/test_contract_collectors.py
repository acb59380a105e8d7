"""The promises of every registered collector, built-in or not."""

import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from energybench.model import Channel, Doubt, DoubtCode
from energybench.plugins import Collector, DescribesHost, Unavailable
from energybench.registry import load, registered
from tests.simulators import context, pm_tree

NAMES = sorted(registered("collectors"))
ROOT = Path(__file__).parents[1]
_SLOW_S = 0.05


def test_the_built_in_collectors_are_registered() -> None:
    """The built-in collectors are registered in the same way as the collectors of a plugin."""
    assert {"nvml", "rapl", "perf_rapl", "pm_counters", "estimate"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_has_a_page(name: str) -> None:
    """Each collector of this distribution has a page of docs that begins with the name; a package
    of somebody else documents its own.
    """
    dist = registered("collectors")[name].dist
    if dist is None or dist.name != "energybench":
        pytest.skip(f"{name} belongs to another distribution")
    page = ROOT / "docs" / "sensors" / f"{name}.md"
    assert page.exists(), page
    assert page.read_text("utf-8").startswith(f"# {name}: ")


def opened(name: str, root: Path) -> tuple[Collector, list[Channel], Unavailable | None]:
    """The collector, and its channels or the reason why it is not available."""
    collector = load("collectors", name)
    try:
        return collector, list(collector.open(context(root))), None
    except Unavailable as error:
        return collector, [], error


@pytest.mark.parametrize("root", ["bare", "real"])
@pytest.mark.parametrize("name", NAMES)
def test_opens_or_says_why_not(name: str, root: str, tmp_path: Path) -> None:
    """On an empty tree and on this machine: channels, or a reason and a remedy of one line each."""
    collector, channels, unavailable = opened(name, tmp_path if root == "bare" else Path("/"))
    assert collector.name == name
    if unavailable is not None:
        for sentence in (unavailable.reason, unavailable.remedy):
            assert sentence.strip()
            assert "\n" not in sentence
    else:
        values = collector.read()
        assert channels
        assert len(values) == len(channels)
        assert len({channel.id for channel in channels}) == len(channels)
        assert all(
            value is None or isinstance(value if isinstance(value, int) else value.raw, int)
            for value in values
        )
        assert {channel.collector for channel in channels} == {name}
    if isinstance(collector, DescribesHost):
        assert all(
            isinstance(doubt, Doubt)
            and doubt.code in get_args(DoubtCode)
            and doubt.message
            and doubt.remedy
            and "\n" not in doubt.message + doubt.remedy
            for doubt in collector.doubts()
        )
        list(collector.gpus())
    collector.close()
    collector.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_slow_sensor_states_how_well_its_lag_is_known(name: str, tmp_path: Path) -> None:
    """A value that is renewed ten times a second or more seldom may be late by a part of that time,
    which moves energy across the edges of the work.
    """
    pm_tree(tmp_path, {"energy": "100 J", "power": "300 W", "cpu_energy": "50 J"})
    for root in (tmp_path, Path("/")):
        collector, channels, _ = opened(name, root)
        collector.close()
        for channel in channels:
            if channel.timing == "prior" and (channel.update_period_s or 0.0) >= _SLOW_S:
                assert channel.lag_u_s > 0, channel.id


@pytest.mark.parametrize("name", NAMES)
def test_close_without_open(name: str) -> None:
    """A collector that was never opened can be closed, and reads nothing."""
    collector = load("collectors", name)
    collector.close()
    assert list(collector.read()) == []


@pytest.mark.parametrize("name", NAMES)
def test_opens_again_after_close(name: str) -> None:
    """A second session in the same process finds the same channels, or the same reason."""
    collector, channels, unavailable = opened(name, Path("/"))
    collector.close()
    second: list[Channel] = []
    reason = None
    try:
        second = list(collector.open(context()))
    except Unavailable as error:
        reason = error.reason
    assert reason == (unavailable.reason if unavailable else None)
    assert [channel.id for channel in second] == [channel.id for channel in channels]
    collector.close()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_spent_where_absent(name: str, tmp_path: Path) -> None:
    """On a tree without sensors `open` costs milliseconds at most, the import not counted."""
    load("collectors", name)
    start_s = time.process_time()
    collector, _, _ = opened(name, tmp_path)
    assert time.process_time() - start_s < 0.05
    collector.close()


def test_importing_collectors_imports_nothing_heavy() -> None:
    """Loading the class imports no library of a sensor, of tables or of numerics."""
    code = (
        "import sys; from energybench.registry import load, registered\n"
        "for name in registered('collectors'): load('collectors', name)\n"
        "print([m for m in ('pynvml', 'codecarbon', 'pandas', 'torch', 'scipy', 'psutil') if m in "
        "sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
