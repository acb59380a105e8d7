"""Tests that run several times under one node id: each attempt has its own energy, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from energybench.errors import BadInput
from energybench.gating.record_files import read_session
from energybench.gating.side_reports import read
from tests.pytest_plugin.repeating import RUN_AGAIN
from tests.pytest_plugin.runs import QUICK, Finished, Pytest, prepared
from tests.pytest_plugin.spending import GATE, counting

FILES = ("--benchmark-json=out.json", "--junit-xml=junit.xml", "--benchmark-energy-save", GATE)
# as pytest-rerunfailures reports the attempt, as pytest-retry does, and as a plug-in that does not
AGAIN = {
    "rerun": RUN_AGAIN.format(outcome="rerun"),
    "retried": RUN_AGAIN.format(outcome="retried"),
    "unreported": RUN_AGAIN.format(outcome=None),
}
TWICE = """
    from _pytest.runner import runtestprotocol

    def pytest_runtest_protocol(item, nextitem):
        for attempt in (1, 2):
            item._initrequest()
            runtestprotocol(item, nextitem=nextitem)
        return True
"""
SPEND = """
    import os
    import time
    import pytest

    begun = []

    def spend(joules):
        time.sleep(0.005)
        with open("spent", "ab") as spent:
            spent.write(b"J" * joules)
        time.sleep(0.005)
"""
# 9 J in the first attempt, and 1 J in the second. The node uses 2 W beside that.
FIRST_J, SECOND_J = 9, 1
USES = {
    "benchmark": "benchmark(spend, joules)",
    "pedantic": "benchmark.pedantic(spend, (joules,), rounds=20)",
    "energy_benchmark": "energy_benchmark(spend, joules)",
}


def body(use: str, end: str) -> str:
    """A file with one test, which ends its first attempt with `end`."""
    return f"""{SPEND}
    def test_it({use.partition("(")[0].partition(".")[0]}):
        begun.append(1)
        joules = {FIRST_J} if len(begun) == 1 else {SECOND_J}
        {use}
        {end}
"""


FAILS_FIRST = "assert len(begun) > 1"


@pytest.fixture
def sessions(newest: Pytest) -> Iterator[Pytest]:
    """Sessions with pytest-benchmark on a node whose package uses what the tests state."""
    with counting(newest) as spending:
        yield spending


def running_again(sessions: Pytest, way: str) -> Pytest:
    """Sessions in which a test that fails runs once more."""
    if way != "rerunfailures":
        sessions.write(AGAIN[way], "conftest.py")
        return sessions
    plugin = prepared("rerunfailures")
    sessions.write(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.flaky(reruns=2))
        """,
        "conftest.py",
    )
    return sessions._replace(packages=(plugin, *sessions.packages))


def is_of(energy_j: float, joules: int) -> bool:
    """Whether an energy is that of the attempt that spent so much, and not of the other."""
    between_j = (FIRST_J + SECOND_J) / 2
    return (energy_j > between_j) == (joules > between_j)


def entries(session: Finished) -> list[dict[str, Any]]:
    """The entries of out.json, in their order."""
    content = json.loads((session.folder / "out.json").read_text())
    benchmarks: list[dict[str, Any]] = content["benchmarks"]
    return benchmarks


def properties_j(session: Finished) -> list[float]:
    """The energy of each testcase in junit.xml that has one, in their order: a testcase has an
    energy and both ends of its interval once. JUnit's file has a testcase for each attempt whose
    reports reach it.
    """
    energies_j = []
    for case in ElementTree.parse(session.folder / "junit.xml").iter("testcase"):
        values = [(one.attrib["name"], one.attrib["value"]) for one in case.iter("property")]
        if values:
            assert [name for name, _ in values] == [
                "energy_j",
                "energy_j_low",
                "energy_j_high",
                "energy_quality",
            ]
            energies_j.append(float(values[0][1]))
    return energies_j


def saved(session: Finished) -> list[float]:
    """The energies in the history, J."""
    (path,) = (session.folder / ".energybench/history").iterdir()
    return [test["energy_j"][0] for test in json.loads(path.read_text())["tests"]]


@pytest.mark.parametrize(
    ("way", "use"),
    [*(("rerunfailures", use) for use in USES), *((way, "benchmark") for way in AGAIN)],
)
def test_an_attempt_that_failed_gives_its_energy_to_no_other(
    sessions: Pytest, way: str, use: str
) -> None:
    """The second attempt passes with its own energy in the JSON, JUnit's file, the table and the
    history. The entry of the first says that it failed, and is no baseline.
    """
    sessions.write(body(USES[use], FAILS_FIRST))
    session = running_again(sessions, way).measure(*QUICK, *FILES)
    assert session.code == 0, session.out
    assert "energybench_of_the_test" not in session.out
    assert session.row("test_it ")
    *earlier, last = properties_j(session)
    assert is_of(last, SECOND_J)
    assert all(is_of(joules, FIRST_J) for joules in earlier)
    (joules,) = saved(session)
    assert is_of(joules, SECOND_J)
    if use == "energy_benchmark":
        return
    first, second = entries(session)
    assert "energy_j" not in first["stats"]
    stated = json.loads(first["extra_info"]["energybench"])
    assert set(stated) == {"v", "why"}
    assert "the test ran again" in stated["why"]
    assert set(first["extra_info"]) == set(second["extra_info"]) == {"energybench"}
    assert is_of(second["stats"]["energy_j"], SECOND_J)
    (record,) = read_session(session.folder / "out.json").tests
    assert record.energy_j is not None
    assert is_of(record.energy_j[0], SECOND_J)


def test_a_test_that_runs_twice_has_both_energies(sessions: Pytest) -> None:
    """Both attempts count: each entry and each testcase has its own energy."""
    sessions.write(TWICE, "conftest.py")
    sessions.write(body(USES["benchmark"], "pass"))
    session = sessions.measure(*QUICK, *FILES)
    assert session.code == 0, session.out
    assert "energybench_of_the_test" not in session.out
    energies_j = [entry["stats"]["energy_j"] for entry in entries(session)]
    for first, second in (energies_j, properties_j(session)):
        assert is_of(first, FIRST_J)
        assert is_of(second, SECOND_J)
    last = read_session(session.folder / "out.json").of("test_it.py::test_it")
    assert last is not None
    assert last.energy_j is not None
    assert is_of(last.energy_j[0], SECOND_J)


def test_of_a_test_that_runs_twice_the_failure_stays_with_its_attempt(sessions: Pytest) -> None:
    """Of two runs of a test one fails and one passes: the run that passes keeps its energy."""
    sessions.write(TWICE, "conftest.py")
    sessions.write(body(USES["benchmark"], FAILS_FIRST))
    session = sessions.measure(*QUICK, *FILES)
    assert "1 failed, 1 passed" in session.lines[-1], session.out
    first, second = entries(session)
    assert "the test failed" in json.loads(first["extra_info"]["energybench"])["why"]
    assert is_of(second["stats"]["energy_j"], SECOND_J)
    (joules,) = saved(session)
    assert is_of(joules, SECOND_J)
    assert session.table.count("    the test failed: its energy is neither judged nor saved") == 1


@pytest.mark.parametrize("measures", [1, 2])
def test_an_attempt_without_energy_gets_none(sessions: Pytest, measures: int) -> None:
    """Only one attempt measures, the other ends before: a pytest.fail in the timing pass leaves an
    entry in pytest-benchmark's JSON.
    """
    sessions.write(AGAIN["rerun"], "conftest.py")
    sessions.write(
        f"""{SPEND}
    calls = []

    def fails():
        time.sleep(0.001)
        calls.append(1)
        if len(calls) == 4:
            pytest.fail("in the timing pass")

    def test_it(benchmark):
        begun.append(1)
        benchmark(*([spend, 1] if len(begun) == {measures} else [fails]))
        assert len(begun) > 1
"""
    )
    session = sessions.measure(*QUICK, *FILES[:2])
    energies_j = [entry["stats"].get("energy_j") for entry in entries(session)]
    if measures == 1:
        assert session.code == 1
        assert not any(energies_j)
        assert len(properties_j(session)) == 1  # of the first attempt
        with pytest.raises(BadInput):
            read_session(session.folder / "out.json")
    else:
        assert session.code == 0, session.out
        assert is_of(energies_j[-1], SECOND_J)
        assert energies_j[:-1] == [None]
        assert len(properties_j(session)) == 1


@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_attempts_in_workers(spending: Pytest, options: tuple[str, ...]) -> None:
    """Records and properties travel from a worker; a comparison of two sides takes the energy of
    the last attempt, and none if the last attempt measured nothing.
    """
    spending.write(AGAIN["rerun"], "conftest.py")
    spending.write(body(USES["energy_benchmark"], FAILS_FIRST))
    only_first = "energy_benchmark(spend, joules) if len(begun) == 1 else None"
    spending.write(body(only_first, FAILS_FIRST), "test_no.py")
    session = spending.measure(
        "--benchmark-energy-side=side.json", "--junit-xml=junit.xml", *options
    )
    assert session.code == 0, session.out
    energies_j = properties_j(session)
    assert [is_of(joules, SECOND_J) for joules in energies_j] == [False, True, False]
    report = read(spending.folder / "side.json")
    assert report is not None
    (record,) = report.tests
    assert record.energy_j is not None
    assert is_of(record.energy_j[0], SECOND_J)
    assert set(report.unmeasured) == {"test_no.py::test_it"}
