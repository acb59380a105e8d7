"""The promises of every registered collector, built in or not."""

import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from energybench.model import Doubt, DoubtCode
from energybench.plugins import Collector, DescribesHost, Unavailable, load, registered
from tests.simulators import context

ROOT = Path(__file__).parents[1]
NAMES = sorted(registered("collectors"))
OURS = [
    name
    for name, point in registered("collectors").items()
    if point.dist is not None and point.dist.name == "energybench"
]


def test_the_built_in_ones_are_registered() -> None:
    """The built-in collectors come in by the same door as anyone's."""
    assert {"nvml", "rapl", "perf_rapl", "pm_counters", "estimate"} <= set(NAMES)


def opened(name: str, root: Path) -> tuple[Collector, list, Unavailable | None]:
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
        for words in (unavailable.reason, unavailable.remedy):
            assert words.strip()
            assert "\n" not in words
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
def test_close_without_open(name: str) -> None:
    """A collector that was never opened has nothing to give back and no readings."""
    collector = load("collectors", name)
    collector.close()
    assert list(collector.read()) == []


@pytest.mark.parametrize("name", NAMES)
def test_opens_again_after_close(name: str) -> None:
    """A second session in one process opens the same channels as the first session."""
    collector, channels, unavailable = opened(name, Path("/"))
    collector.close()
    again, refused = [], None
    try:
        again = list(collector.open(context()))
    except Unavailable as error:
        refused = error.reason
    assert refused == (unavailable.reason if unavailable else None)
    assert [channel.id for channel in again] == [channel.id for channel in channels]
    collector.close()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_spent_where_absent(name: str, tmp_path: Path) -> None:
    """On a tree without sensors `open` takes milliseconds at most."""
    load("collectors", name)  # imports are not opening
    start_s = time.process_time()
    collector, _, _ = opened(name, tmp_path)
    assert time.process_time() - start_s < 0.05
    collector.close()


def test_importing_collectors_imports_nothing_heavy() -> None:
    """Loading a collector imports no sensor library and no library for tables or numerics."""
    code = (
        "import sys; from energybench.plugins import load, registered\n"
        "for name in registered('collectors'): load('collectors', name)\n"
        "print([m for m in ('pynvml', 'codecarbon', 'pandas', 'torch', 'scipy', 'psutil') if m in "
        "sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", OURS)
def test_has_a_page(name: str) -> None:
    """Each collector of this distribution says on a page of its own what it reads, covers and does
    not cover.
    """
    page = (ROOT / f"docs/sensors/{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}: ")
    for words in ("**Covers**", "**Does not cover**", "**Fails as**"):
        assert words in page
