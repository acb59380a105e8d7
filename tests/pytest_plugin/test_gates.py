"""Gates of a session: they fail a build by enough evidence, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.pytest_plugin.runs import QUICK, Pytest
from tests.pytest_plugin.spending import GATE, SIX, SPENDS, counting, five_sessions, verdict

SLEEPS = """
    import os
    import time
    import pytest

    def test_it(energy_benchmark):
        energy_benchmark(time.sleep, float(os.environ["SLEEP_S"]))
"""


def test_history_fails_a_build_and_one_saved_run_does_not(spending: Pytest) -> None:
    """Energy that rises tenfold is a warning against one saved session, a failure with
    --benchmark-energy-fail-on=single, and a failure against a history; unchanged energy passes.
    """
    spending.write(SPENDS.format(fixture="energy_benchmark"))
    first = spending.measure(GATE, SIX, "--benchmark-energy-save", JOULES="1")
    assert first.code == 0, first.out
    assert "no baseline" in verdict(first)

    risen = spending.measure(GATE, SIX, JOULES="10")
    assert "regressed" in verdict(risen)
    assert "one saved run does not fail a build" in verdict(risen)
    assert risen.code == 0
    single = spending.measure(GATE, SIX, "--benchmark-energy-fail-on=single", JOULES="10")
    assert verdict(single).startswith("FAILED ")
    assert single.code == 1

    five_sessions(spending)
    risen = spending.measure(GATE, SIX, JOULES="10")
    assert verdict(risen).startswith("FAILED ")
    assert "5 saved sessions" in verdict(risen)
    assert "confirmed" in verdict(risen)
    assert "not confirmed" not in verdict(risen)
    assert risen.code == 1
    same = spending.measure(GATE, SIX, JOULES="1")
    assert same.code == 0, same.out


def test_limit_in_joules(alone: Pytest) -> None:
    """10 ms at 60 W are 0.6 J: above a limit of 0.1 J, and below one of 10 J."""
    alone.write(
        """
        import time
        import pytest

        @pytest.mark.energy(max_j=0.1)
        def test_above(energy_benchmark):
            energy_benchmark(time.sleep, 0.01)

        @pytest.mark.energy(max_j=10)
        def test_below(energy_benchmark):
            energy_benchmark(time.sleep, 0.01)
        """
    )
    session = alone.measure()
    assert session.code == 1
    assert "FAILED test_it.py::test_above: over limit" in session.out
    assert "test_it.py::test_below: within limit" in session.out
    assert "2 passed" in session.lines[-1]


def test_baseline_of_pytest_benchmark(newest: Pytest) -> None:
    """A saved JSON of pytest-benchmark is a baseline; one that was saved without energy is none."""
    newest.write(SPENDS.format(fixture="benchmark"))
    with counting(newest) as sessions:
        assert sessions.run(*QUICK, "--benchmark-save=bare", JOULES="1").code == 0
        bare = sessions.measure(*QUICK, GATE, "--benchmark-compare", JOULES="1")
        assert "no baseline" in verdict(bare)
        assert sessions.measure(*QUICK, "--benchmark-save=full", JOULES="1").code == 0
        full = sessions.measure(
            *QUICK,
            *(GATE, "--benchmark-energy-fail-on=single", "--benchmark-compare"),
            JOULES="10",
        )
    assert "regressed" in verdict(full), full.out
    assert full.code == 1


NO_BASELINES = {
    "bare": "it holds no energy of any test: save it with --benchmark-energy",
    "junk": "extra_info.energybench of test_it.py::test_it was not written by energybench",
    "text": "the file is not JSON: ",
    "list": "the file is not a JSON of pytest-benchmark",
    "gone": "pytest-benchmark has no such saved file",
}


def test_a_file_that_is_no_baseline_is_named_in_one_line(pair: Pytest) -> None:
    """Without energies, with something else in their place, without JSON: the line names the file
    and the fault, and none speaks of the history.
    """
    pair.write("def test_it(benchmark):\n    benchmark(sum, range(1000))\n")
    files = {name: pair.folder / f"{name}.json" for name in NO_BASELINES}
    assert pair.run(*QUICK, f"--benchmark-json={files['bare']}").code == 0
    junk = json.loads(files["bare"].read_text())
    junk["benchmarks"][0]["extra_info"]["energybench"] = [1, {"x": None}]
    files["junk"].write_text(json.dumps(junk))
    files["text"].write_text("energy: much\n")
    files["list"].write_text("[]")
    for name, fault in NO_BASELINES.items():
        session = pair.measure(*QUICK, GATE, f"--benchmark-compare={name}.json")
        assert session.code == 0, session.out
        (line,) = [line for line in session.lines if line.startswith("energybench: ")][1:]
        assert f"--benchmark-compare={name}.json" in line
        assert fault in line


def test_baselines_of_other_versions_are_refused_in_one_line(pair: Pytest) -> None:
    """A saved JSON without energy, of version 1 or of a later version is no baseline, which one
    line says; pytest-benchmark compares all of them, and warns of no other machine.
    """
    pair.write(
        """
        import time

        def test_it(benchmark):
            benchmark(time.sleep, 0.002)
        """
    )
    assert pair.measure(*QUICK, "--benchmark-json=now.json").code == 0
    now = json.loads((pair.folder / "now.json").read_text())
    (test,) = now["benchmarks"]
    energies = {
        "bare": {},
        "first": {"energybench": {"v": 1}, "energybench_ci": {"schema": "energybench-ci/1"}},
        "later": {"energybench": json.dumps({"v": 3, "joules": {"of": "another form"}})},
    }
    for name, extra_info in energies.items():
        top = {key: value for key, value in now.items() if key != "energybench"}
        saved = {**top, "benchmarks": [{**test, "extra_info": extra_info}]}
        (pair.folder / f"{name}.json").write_text(json.dumps(saved))
    for name in energies:
        session = pair.measure(*QUICK, GATE, f"--benchmark-compare={name}.json")
        assert session.code == 0, session.out
        assert "no baseline" in verdict(session)
        assert "machine_info is different" not in session.out
        refused = [line for line in session.lines if "no baseline: it holds energies" in line]
        assert len(refused) == (0 if name == "bare" else 1), session.out
    files = ["now.json", *(f"{name}.json" for name in energies)]
    compared = pair.program("pytest_benchmark", "compare", *files)
    assert compared.code == 0, compared.out
    assert compared.out.count("test_it") >= len(files)


def test_history_that_cannot_be_written_is_one_line(alone: Pytest) -> None:
    """The outcome stays that of the tests."""
    alone.write(SLEEPS)
    session = alone.measure(
        *("--benchmark-energy-save", "--benchmark-energy-history=/proc/no"), SLEEP_S="0.001"
    )
    assert session.code == 0, session.out
    assert "energybench: the history is not written: " in session.out
    broken = Path(alone.folder / ".energybench" / "history")
    broken.mkdir(parents=True)
    (broken / "2026-x.json").write_text("{")
    session = alone.measure(GATE, SIX, SLEEP_S="0.001")
    assert session.code == 0, session.out
    assert "2026-x.json" in session.out


def test_estimates_are_never_judged(alone: Pytest) -> None:
    """Without a sensor every gate is off, and says so."""
    alone.write(
        """
        import pytest

        @pytest.mark.energy(max_j=1e-12)
        def test_it(energy_benchmark):
            energy_benchmark(sum, range(1000))
        """
    )
    session = alone.measure("--benchmark-energy-root=/", GATE)
    if "energy is ESTIMATED here" not in session.out:
        pytest.skip("this machine has sensors")
    assert "~" in session.row("test_it")
    assert session.code == 0, session.out
    assert "test_it.py::test_it: off: " in session.out


def test_a_gate_that_fails_is_a_failure_everywhere(alone: Pytest) -> None:
    """In the exit code, in the counts of the last line, in the list of failures, in JUnit's file
    as a failure of the test, and in --last-failed; under xdist too. The properties of the test
    stay.
    """
    alone.write(
        """
        import time
        import pytest

        @pytest.mark.energy(max_j=0.1)
        def test_over(energy_benchmark):
            energy_benchmark(time.sleep, 0.02)

        def test_other():
            pass
        """
    )
    for options in ((), ("-n", "1")):
        session = alone.measure("--junitxml=junit.xml", *options)
        assert session.code == 1, session.out
        assert "1 failed, 2 passed" in session.lines[-1], session.out
        assert any(line.startswith("FAILED test_it.py::test_over") for line in session.lines)
        cases = ElementTree.parse(session.folder / "junit.xml").findall(".//testcase")
        of_test = [case for case in cases if case.attrib["name"] == "test_over"]
        (failure,) = [entry for case in of_test for entry in case.iter("failure")]
        assert "over limit" in failure.attrib["message"]
        names = {entry.attrib["name"] for case in of_test for entry in case.iter("property")}
        assert "energy_j" in names


def test_last_failed_runs_a_test_whose_gate_failed(alone: Pytest) -> None:
    """--last-failed runs that test alone, and every test again once its gate no longer fails."""
    alone.write(
        """
        import os, time
        import pytest

        @pytest.mark.energy(max_j=float(os.environ["MAX_J"]))
        def test_over(energy_benchmark):
            energy_benchmark(time.sleep, 0.02)

        def test_other():
            print("the other test runs")
        """
    )
    cache = ("-p", "cacheprovider")  # which sessions of these tests leave out otherwise
    assert alone.measure(*cache, MAX_J="0.1").code == 1
    for max_j, code in (("0.1", 1), ("1000", 0)):
        session = alone.measure(*cache, "--last-failed", "-rA", MAX_J=max_j)
        assert session.code == code, session.out
        assert "the other test runs" not in session.out
    session = alone.measure(*cache, "--last-failed", "-rA", MAX_J="1000")
    assert session.code == 0, session.out
    assert "the other test runs" in session.out


def test_a_history_that_is_not_there_is_named(alone: Pytest) -> None:
    """A mistyped folder is no silent "no baseline", and a folder without sessions is told from
    one that is missing; neither is a failure.
    """
    alone.write(SLEEPS)
    (alone.folder / "empty").mkdir()
    for folder, state in (("no/such", "is not there"), ("empty", "holds no saved session")):
        session = alone.measure(GATE, f"--benchmark-energy-history={folder}", SLEEP_S="0.01")
        assert session.code == 0, session.out
        assert "no baseline" in verdict(session)
        assert f"energybench: the history {folder} {state}" in session.out
