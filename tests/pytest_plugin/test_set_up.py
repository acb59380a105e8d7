"""Set-ups of `benchmark.pedantic` that draw another power than the function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from energybench.gating.compare import compare_saved
from energybench.gating.records import HostIdentity, Record
from energybench.gating.verdicts import GateVerdict, limit
from energybench.measuring.beside.readers import _largest_w
from energybench.model import Channel, Gain
from energybench.pytest_plugin.gates import CI_RECORD
from energybench.pytest_plugin.set_up import allow_for, most_j
from tests.pytest_plugin.runs import Pytest
from tests.pytest_plugin.spending import counting

SESSIONS = 6


def measured(joules: float = 2.0, session: str = "now", memory_j: float = 0.5) -> dict[str, Any]:
    """A record of a test, as the plugin makes it: with its windows and the energy of its parts."""
    windows_j = {
        name: tuple(value * (1 + 0.002 * (i - 2)) for i in range(5))
        for name, value in (("cpu.package", joules - memory_j), ("cpu.dram", memory_j))
    }
    ci_record = Record(
        schema="energybench-ci/1",
        name="test_it",
        energy_j=(joules, 0.98 * joules, 1.02 * joules),
        windows_j=windows_j,
        iterations=(10.0,) * 5,
        quality="measured",
        parts={"cpu.package": "measured", "cpu.dram": "measured"},
        sensors={"cpu.package": {"abcdef": 0.01}, "cpu.dram": {"abcdee": 0.01}},
        host=HostIdentity(ids=("stated:node",)),
        session=session,
        time_utc="2026-01-01T00:00:00Z",
    )
    return {
        "test": "test_it",
        "label": "",
        "energy_j": [joules, 0.98 * joules, 1.02 * joules],
        "components_j": {
            "cpu.package": [joules - memory_j, 0.98 * (joules - memory_j), 1.02 * joules],
            "cpu.dram": [memory_j, 0.98 * memory_j, 1.02 * memory_j],
        },
        CI_RECORD: msgspec.to_builtins(ci_record),
    }


def gated(some: dict[str, Any]) -> Record:
    return msgspec.convert(some[CI_RECORD], Record)


def verdict(set_up_j: dict[str, float], now_j: float, *, saved: bool = False) -> GateVerdict:
    """The verdict on a test whose set-up may hold so much energy, against sessions of 2 J.

    saved  whether the saved sessions may hold as much
    """
    candidate = measured(now_j)
    assert allow_for(candidate, set_up_j) is None
    history = []
    for i in range(SESSIONS):
        before = measured(2.0 * (1 + 0.001 * i), f"session {i}")
        if saved:
            assert allow_for(before, set_up_j) is None
        history.append(gated(before))
    return compare_saved(history, gated(candidate), 0.05)


@pytest.mark.parametrize("share", [0.08, 0.15, 0.3, 0.45])
@pytest.mark.parametrize("parts", [{"cpu.package": 1.0}, {"cpu.package": 0.8, "cpu.dram": 0.2}])
def test_hotter_set_up_is_no_regression_of_the_function(
    share: float, parts: dict[str, float]
) -> None:
    """The set-up drew nothing in the saved sessions, and draws all that it may now."""
    now_j = 2.0 / (1 - share)
    set_up_j = {name: part * share * now_j for name, part in parts.items()}
    assert verdict({}, now_j).outcome == "regressed"
    judged = verdict(set_up_j, now_j)
    assert judged.outcome == "inconclusive"
    assert not judged.fails


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_cooler_set_up_is_no_improvement_of_the_function(share: float) -> None:
    set_up_j = {"cpu.package": share * 2.0}
    now_j = 2.0 * (1 - share)
    assert verdict({}, now_j - 0.02).outcome == "improved"
    assert verdict(set_up_j, now_j, saved=True).outcome in ("inconclusive", "no regression")


def test_regression_beyond_the_set_up_is_seen() -> None:
    assert verdict({"cpu.package": 0.2}, 3.0).outcome == "regressed"


def test_limit_of_energy_counts_the_function_alone() -> None:
    """The set-up may have drawn all that lies above the limit."""
    some = measured(2.0)
    assert limit(gated(some), 1.9).fails
    assert allow_for(some, {"cpu.package": 0.3}) is None
    assert limit(gated(some), 1.9).outcome == "inconclusive"
    assert limit(gated(some), 1.6).fails


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_interval_holds_the_function_without_its_set_up(share: float) -> None:
    some = measured(2.0)
    assert allow_for(some, {"cpu.package": share * 2.0}) is None
    value, low, high = some["energy_j"]
    assert (value, high) == (2.0, 2.04)
    assert low == pytest.approx(1.96 - share * 2.0)
    assert some["components_j"]["cpu.package"][1] == pytest.approx(0.98 * 1.5 - share * 2.0)
    assert f"up to {share:.0%} of the energy" in some["notes"][0]


def test_negligible_set_up_changes_nothing() -> None:
    some = measured(2.0)
    assert allow_for(some, {"cpu.package": 0.019}) is None
    assert some == measured(2.0)


def test_number_that_may_be_mostly_the_set_ups_is_refused_with_the_remedy() -> None:
    reason = allow_for(measured(2.0), {"cpu.package": 1.1})
    assert reason is not None
    assert "55% of the energy" in reason
    assert "energy_benchmark.use(setup=…)" in reason


def test_set_up_has_the_largest_power_of_measured_parts() -> None:
    """A modelled part has the same power in all of the time, and no part more than its energy."""
    some = {"components_j": {"gpu.board": [9.0, 8.0, 10.0], "cpu.package": [2.0, 1.0, 3.0]}}
    assert most_j(some, 0.01, 0.05, {"gpu.board": 700.0}) == {
        "gpu.board": 7.0,
        "cpu.package": pytest.approx(0.1),
    }
    assert most_j(some, 0.1, 0.05, {"gpu.board": 700.0})["gpu.board"] == 9.0


SPENDS = """
    import time

    def spend(joules):
        with open("spent", "ab") as spent:
            spent.write(b"J" * joules)

    def between():
        time.sleep(0.002)
        spend(4)
        time.sleep(0.04)

    def function():
        time.sleep(0.05)
        spend(2)
        time.sleep(0.05)

    def test_set_up(benchmark):
        benchmark.pedantic(function, setup=between, rounds=8)

    def test_positional(benchmark):
        benchmark.pedantic(function, (), {}, between, rounds=8)

    def test_short(benchmark):
        benchmark.pedantic(time.sleep, args=(0.001,), setup=lambda: None, rounds=200)
"""
FUNCTION_J = 2.0 + 2 * 0.1


@pytest.fixture
def spending_newest(newest: Pytest) -> Iterator[Pytest]:
    """Sessions on a node whose package uses what the tests state, with pytest-benchmark."""
    with counting(newest) as sessions:
        yield sessions


def test_hot_set_up_lies_outside_of_the_windows(spending_newest: Pytest) -> None:
    """Rounds that are long enough for the sensors have windows of their own. Shorter ones share
    windows, and the energy is refused or says how much of it may be the set-up's.
    """
    spending_newest.write(SPENDS)
    session = spending_newest.measure(
        "--benchmark-json=out.json", "--benchmark-energy-min-time=0.5"
    )
    assert session.code == 0, session.out
    for name in ("test_set_up", "test_positional"):
        record = session.energies[name]
        value, low, high = record["energy_j"]
        assert low < FUNCTION_J < high
        assert value < FUNCTION_J + 3.0  # 6 J if the set-up lay in the windows
        assert len(record["windows_j"]["cpu.package"]) == 8
    assert "may" in session.out.split("test_short")[-1]


def channel(collector: str, device: str, component: str, max_w: float | None) -> Channel:
    return Channel(
        collector=collector,
        device=device,
        component=component,
        kind="power",
        resolution=1.0,
        gain=Gain(u_rel=0.01, key="gain", source="test"),
        max_power_w=max_w,
    )


def test_largest_power_of_a_component_is_that_of_its_devices() -> None:
    """Two collectors that read one device do not count twice."""
    channels = [
        channel("nvml", "gpu0", "gpu.board", 700.0),
        channel("nvml", "gpu1", "gpu.board", 700.0),
        channel("dcgm", "gpu0", "gpu.board", 600.0),
        channel("rapl", "package-0", "cpu.package", None),
    ]
    assert _largest_w(channels) == {"gpu.board": 1400.0, "cpu.package": 1000.0}
