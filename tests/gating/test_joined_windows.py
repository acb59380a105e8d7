"""Joined windows: a small record, with the same energy, and with the same statistics."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.gating import benchmark_file
from energybench.gating.change import from_history, from_saved_run, mean_log
from energybench.gating.compare import compare_saved
from energybench.gating.joined_windows import fitted, halves, joined
from energybench.gating.record_files import read_session
from energybench.gating.records import Record, record
from energybench.gating.summaries import summary
from energybench.pytest_plugin.measuring import fit
from energybench.pytest_plugin.record import of_measurement
from tests.gating.samples import processes, record_of, rounds
from tests.gating.test_benchmark_file import node

NAME = "tests/benchmarks/test_solver.py::test_solve[large-1000]"
COUNTS = (1, 5, 6, 30, 61, 500)
# Measured parts of nodes: a package, with memory, a board, eight boards, and boards without work.
PARTS: dict[str, dict[str, Any]] = {
    "two": {"gpu_w": ()},
    "three": {},
    "four": {"unused_gpu_w": (61.2345,)},
    "eight boards": {"gpu_w": (312.3456,) * 8},
    "a modelled part": {"quality": "estimated"},
}


def written(windows: int, changes: dict[str, Any]) -> tuple[Record, dict[str, Any]]:
    """The record of a test of so many windows as the plugin keeps it, and the JSON with it."""
    factors = (1 + 0.01 * np.random.default_rng(windows).standard_normal(windows)).tolist()
    measurement = node(factors, **changes)
    some = record(measurement, NAME, session="0123456789abcdef")
    shown = of_measurement({"test": NAME, "label": ""}, measurement)
    shown["ci"] = msgspec.to_builtins(some)
    fit(shown)
    entries = [
        {
            "fullname": NAME,
            "extra_info": {benchmark_file.KEY: benchmark_file.line(shown, shown["ci"])},
            "stats": {"min": 1.0},
        }
        for _ in range(2)
    ]
    document = {"benchmarks": entries}
    benchmark_file.complete(document)
    return msgspec.convert(shown["ci"], Record), document


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("windows", COUNTS)
def test_a_test_takes_less_than_a_kilobyte_however_many_windows(
    windows: int, parts: str, tmp_path: Any
) -> None:
    """In the file of a history, and in that of pytest-benchmark; the number of windows stays, and
    is read from the file as it was.
    """
    some, document = written(windows, PARTS[parts])
    assert some.rounds == windows
    assert len(msgspec.json.encode(some)) < 1000
    bare = [{**test, "extra_info": {}, "stats": {"min": 1.0}} for test in document["benchmarks"]]
    both = (json.dumps({"benchmarks": tests}, indent=4) for tests in (document["benchmarks"], bare))
    with_energy, without = map(len, both)
    assert (with_energy - without) / 2 < 1000
    if windows <= 5:
        assert len(some.iterations) == windows or parts in ("four", "eight boards")
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert [one.rounds for one in read_session(tmp_path / "a.json").tests] == [windows] * 2


def estimated_entry(windows: int) -> dict[str, Any]:
    """An entry of pytest-benchmark's JSON of a machine without a sensor."""
    some = record_of([1.0] * windows, windows_j={}, quality="estimated", sensors={})
    shown = {"ci": msgspec.to_builtins(some)}
    fit(shown)
    text = benchmark_file.line(shown, shown["ci"])
    return {"fullname": NAME, "extra_info": {benchmark_file.KEY: text}, "stats": {}}


@pytest.mark.parametrize("windows", [1, 3, 60])
def test_the_number_of_windows_of_an_estimated_test_is_kept(windows: int, tmp_path: Any) -> None:
    """No energy by windows tells it."""
    document = {"benchmarks": [estimated_entry(windows)]}
    benchmark_file.complete(document)
    (tmp_path / "a.json").write_text(json.dumps(document))
    (some,) = read_session(tmp_path / "a.json").tests
    assert some.rounds == windows
    assert f"| {windows} |" in summary([some], "github") or windows == 1
    assert ("no scatter between rounds" in summary([some], "github")) is (windows == 1)


def test_an_earlier_file_without_the_number_of_windows_states_none(tmp_path: Any) -> None:
    """Of an estimated test nobody knows it: not 1."""
    entry = estimated_entry(3)
    own = json.loads(entry["extra_info"][benchmark_file.KEY])
    del own["windows"]
    entry["extra_info"][benchmark_file.KEY] = json.dumps(own)
    (tmp_path / "a.json").write_text(json.dumps({"benchmarks": [entry]}))
    (some,) = read_session(tmp_path / "a.json").tests
    assert some.rounds == 0
    assert "no scatter between rounds" not in summary([some], "github")


def test_accelerators_of_earlier_records_are_the_same_models() -> None:
    """A record states "8 x NAME" for the name eight times, as earlier records have it."""
    some, _ = written(5, PARTS["eight boards"])
    assert len(some.gpu_models) == 1
    earlier = msgspec.structs.replace(
        some, gpu_models=("NVIDIA H100 80GB HBM3",) * 8, session="before"
    )
    fewer = msgspec.structs.replace(earlier, gpu_models=("NVIDIA H100 80GB HBM3",) * 4)
    assert compare_saved([earlier], some, 0.05).outcome in ("no regression", "inconclusive")
    assert compare_saved([fewer], some, 0.05).outcome == "not compared"


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 1000))
def test_joining_keeps_the_energy_and_the_number_of_windows(
    windows: int, most: int, seed: int
) -> None:
    draws = np.random.default_rng(seed)
    some = record_of(
        draws.uniform(0.5, 2.0, windows).tolist(),
        iterations=tuple(map(float, draws.integers(1, 1000, windows))),
    )
    smaller = joined(some, most)
    assert len(smaller.iterations) == min(windows, most)
    assert math.fsum(smaller.iterations) == math.fsum(some.iterations)
    assert smaller.rounds == windows
    assert mean_log(smaller, ["cpu.package"]) == pytest.approx(
        mean_log(some, ["cpu.package"]), abs=3e-5
    )


def test_a_record_that_is_small_stays_as_it_is() -> None:
    some = record_of(rounds())
    assert fitted(some) is some


def test_statistics_of_joined_windows_are_those_of_the_windows() -> None:
    """Standard errors against one saved run, of a candidate with fewer windows, and with more
    windows than were measured: within a factor that the fewer degrees of freedom explain.
    """
    ratios: dict[str, list[float]] = {"saved": [], "history": [], "more": []}
    for seed in range(60):
        whole = processes(6, seed, between=0.0, rounds=60)
        parts = [joined(some, 12) for some in whole]
        few = processes(1, 1000 + seed, between=0.0, rounds=6)[0]
        measured = tuple(few.windows_j)
        saved = [from_saved_run(side[0], side[1], measured, 0.0) for side in (whole, parts)]
        assert saved[0].units == saved[1].units == 60
        assert saved[0].scatter is not None
        assert saved[1].scatter is not None
        ratios["saved"].append((saved[1].scatter.u / saved[0].scatter.u) ** 2)
        more = [change.with_units(90).scatter for change in saved]
        assert more[0] is not None
        assert more[1] is not None
        ratios["more"].append((more[1].u / more[0].u) ** 2)
        histories = [from_history(side, few, measured) for side in (whole, parts)]
        ratios["history"].append((histories[1].fixed_u / histories[0].fixed_u) ** 2)
    for name, squares in ratios.items():
        assert np.mean(squares) == pytest.approx(1.0, abs=0.12), name


def test_joined_windows_raise_no_false_alarm() -> None:
    """Unchanged tests of 60 windows, joined to 10, against one saved run: at most as many are
    called regressed as docs/ci.md states for rounds that are not joined.
    """
    alarms = 0
    for seed in range(300):
        before, after = (joined(some, 10) for some in processes(2, seed, between=0.02, rounds=60))
        alarms += compare_saved([before], after, 0.05).outcome == "regressed"
    assert alarms <= 300 * 0.04


def test_halves_are_alternating_windows() -> None:
    some = record_of((1.0, 2.0, 3.0, 4.0, 5.0), energy_j=(3.0, 2.0, 4.0))
    both = halves(some)
    assert both is not None
    first, second = both
    assert first.windows_j["cpu.package"] == (1.0, 3.0, 5.0)
    assert second.windows_j["cpu.package"] == (2.0, 4.0)
    assert first.energy_j is not None
    assert first.energy_j[0] == 3.0
    assert first.energy_j[1] == 0.0  # an energy is not negative
    assert first.energy_j[2] > 4.0
    assert halves(record_of((1.0, 2.0, 3.0))) is None
