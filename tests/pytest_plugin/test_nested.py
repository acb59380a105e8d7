"""Sessions inside tests, and forks in tests: no deadlock, no wrong joule, and one clear line."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.pytest_plugin.runs import QUICK, WATTS, Finished, Pytest

INNER = """
    import time

    def test_inner(energy_benchmark):
        energy_benchmark(time.sleep, 0.002)
"""
LINE = "inside another test: other tests may have run beside it"
NESTED = """
    import os
    import subprocess
    import sys
    import pytest

    pytest_plugins = ["pytester"]
    OPTIONS = ["--benchmark-energy", "--benchmark-energy-min-time=0.1",
        "--benchmark-energy-windows=3", "-p", "no:cacheprovider", "-p", "no:timeout"]

    def test_pytester(pytester, energy_benchmark):
        pytester.makepyfile(test_inside=os.environ["INNER"])
        result = pytester.runpytest(*OPTIONS)
        result.assert_outcomes(passed=1)
        energy_benchmark(int)

    def test_pytester_subprocess(pytester):
        pytester.makepyfile(test_inside=os.environ["INNER"])
        result = pytester.runpytest_subprocess(*OPTIONS)
        result.assert_outcomes(passed=1)

    def test_main(energy_benchmark):
        for _ in range(2):
            assert pytest.main([*OPTIONS, "inner.py"]) == 0
        energy_benchmark(int)

    def test_measured_main(energy_benchmark):
        use = energy_benchmark.use(iterations=1, windows=1)
        assert use(pytest.main, [*OPTIONS, "inner.py"]) == 0
"""


def dedented(source: str) -> str:
    return source.replace("\n    ", "\n")


def test_sessions_inside_tests(newest: Pytest) -> None:
    """pytester in the process and beside it, and pytest.main(): each inner test is measured with
    the power of the node, says that it was inside another test, and holds up nobody.
    """
    newest.write(INNER, "inner.py")
    newest.write(NESTED)
    session = newest.measure(*QUICK, "-s", "--benchmark-energy-wait=60", INNER=dedented(INNER))
    assert session.code == 0, session.out
    assert "waits for other tests" not in session.out
    inner = [line for line in session.lines if line.startswith("test_inner ")]
    assert len(inner) >= 4, session.out
    for line in inner:
        (watts,) = re.findall(r"([\d.]+) W ", line)
        assert float(watts) == pytest.approx(WATTS, rel=0.1)
    assert session.out.count(LINE) == len(inner)
    assert not [line for line in session.table if "not measured" in line], session.out


def test_an_inner_session_without_energy(newest: Pytest) -> None:
    """Its tests are ordinary work of the outer test."""
    newest.write(INNER, "inner.py")
    newest.write(
        """
        import pytest

        def test_outer(energy_benchmark):
            assert energy_benchmark(pytest.main, ["-q", "-p", "no:cacheprovider", "inner.py"]) == 0
        """
    )
    session = newest.measure(*QUICK, "--benchmark-energy-max-time=1")
    assert session.code == 0, session.out
    assert right(session, "test_outer")


def right(session: Finished, name: str) -> bool:
    (watts,) = re.findall(r"([\d.]+) W ", session.row(name))
    return float(watts) == pytest.approx(WATTS, rel=0.1)


def test_forks(alone: Pytest) -> None:
    """A child in a measured function, a child that lives on, and a child that goes on with the
    tests for a while: the energies are the parent's, and the next energy test gets the machine.
    """
    alone.write(
        """
        import os
        import time

        def fork_and_wait():
            child = os.fork()
            if child == 0:
                time.sleep(0.002)
                os._exit(0)
            os.waitpid(child, 0)

        def test_in_the_function(energy_benchmark):
            energy_benchmark(fork_and_wait)

        def test_that_lives_on(energy_benchmark):
            child = os.fork()
            if child == 0:
                os.setsid()
                os.closerange(0, 1000)  # who reads the session's output does not wait for it
                time.sleep(1000)
            with open("child.pid", "w") as file:
                file.write(str(child))
            energy_benchmark(time.sleep, 0.002)

        def test_that_goes_on(energy_benchmark):
            child = os.fork()
            if child == 0:
                energy_benchmark.use("child")(time.sleep, 0.002)
                os._exit(7)
            assert os.waitpid(child, 0)[1] == 7 << 8
            energy_benchmark.use("parent")(time.sleep, 0.002)
        """
    )
    session = alone.measure("--benchmark-energy-wait=30")
    alone.write(INNER, "test_next.py")
    following = alone.measure("--benchmark-energy-wait=30", "test_next.py")
    os.kill(int((alone.folder / "child.pid").read_text()), signal.SIGKILL)
    assert session.code == 0, session.out
    for name in ("test_in_the_function", "test_that_lives_on", "test_that_goes_on parent"):
        assert right(session, name), session.out
    assert following.code == 0
    assert right(following, "test_inner")
    assert "not alone" not in session.out + following.out
