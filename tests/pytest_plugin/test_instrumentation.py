"""Tracers, profilers and monitors: away in the energy pass, and afterwards as they were."""

from __future__ import annotations

import cProfile
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import energybench
from energybench.pytest_plugin.instrumentation import undisturbed
from tests.pytest_plugin.runs import QUICK, Pytest

seen: list[str] = []


def spy(frame: FrameType, event: str, argument: object) -> Any:
    seen.append(frame.f_code.co_name)
    return None


def target() -> None:
    pass


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_restored_exactly(fails: bool) -> None:
    """After an error too: tracers and profilers of this thread and of new threads, and the garbage
    collector.
    """
    setters = (sys.settrace, sys.setprofile, threading.settrace, threading.setprofile)
    getters = (sys.gettrace, sys.getprofile, threading.gettrace, threading.getprofile)
    before = [get() for get in getters]
    seen.clear()
    for change in setters:
        change(spy)
    try:
        try:
            with undisturbed(without_gc=True):
                inside = [get() for get in getters]
                collects = gc.isenabled()
                target()
                thread = threading.Thread(target=target)
                thread.start()
                thread.join()
                if fails:
                    raise RuntimeError("its own")
        except RuntimeError:
            assert fails
        after = [get() for get in getters]
    finally:
        for change, value in zip(setters, before, strict=True):
            change(value)  # type: ignore[arg-type]
    assert inside == [None] * 4
    assert not collects
    assert gc.isenabled()
    assert after == [spy] * 4
    assert "target" not in seen


def test_a_profile_of_c_code_goes_on() -> None:
    """cProfile's profiler is no function: it is stopped and started again."""
    if sys.getprofile() is not None or sys.gettrace() is not None:
        pytest.skip("this session is profiled itself")
    profile = cProfile.Profile()
    profile.enable()
    try:
        with undisturbed(without_gc=False):
            target()
        spare()
    finally:
        profile.disable()
    profile.create_stats()
    names = {name for _, _, name in profile.stats}  # type: ignore[attr-defined]
    assert "spare" in names
    assert "target" not in names


def spare() -> None:
    pass


MONITORED = """
import sys
from energybench.pytest_plugin.instrumentation import undisturbed

monitoring = sys.monitoring
events = monitoring.events
seen = []

def started(code, offset):
    seen.append(code.co_name)

def line(code, number):
    seen.append(code.co_name + " line")

def target():
    return 1

tool = monitoring.COVERAGE_ID
monitoring.use_tool_id(tool, "a test")
monitoring.register_callback(tool, events.PY_START, started)
monitoring.register_callback(tool, events.LINE, line)
monitoring.set_events(tool, events.PY_START)
monitoring.set_local_events(tool, target.__code__, events.LINE)
for fails in (False, True):
    target()
    assert {"target", "target line"} <= set(seen), seen
    seen.clear()
    try:
        with undisturbed(without_gc=True):
            target()
            assert monitoring.get_events(tool) == 0
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert not [name for name in seen if name.startswith("target")], seen
    assert monitoring.get_events(tool) == events.PY_START
    assert monitoring.get_local_events(tool, target.__code__) == events.LINE
    assert monitoring.get_tool(tool) == "a test"
    assert monitoring.register_callback(tool, events.PY_START, started) is started
    assert monitoring.register_callback(tool, events.LINE, line) is line
print("restored")
"""


def pythons() -> list[str]:
    """Interpreters that have sys.monitoring: the present one, or others installed here."""
    found = [Path(sys.executable)] if sys.version_info >= (3, 12) else []
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for folder in (*folders, *sorted(pyenv.glob("*/bin"))):
        found += [folder / f"python3.{minor}" for minor in range(12, 20)]
    answers = {}
    for python in found:
        if python.exists():
            asked = subprocess.run(
                [python, "-c", "import sys; sys.monitoring; print(sys.version)"],
                capture_output=True,
                text=True,
            )
            if asked.returncode == 0:
                answers.setdefault(asked.stdout, str(python))
    return list(answers.values())


def test_monitors_of_python_3_12_are_paused() -> None:
    """sys.monitoring, which coverage.py uses from Python 3.12 on: global and local events."""
    ready = pythons()
    if not ready:
        pytest.skip("no Python 3.12 or newer here, whose sys.monitoring this tests")
    folder = str(Path(energybench.__file__).parents[1])
    for python in ready:
        ran = subprocess.run(
            [python, "-c", MONITORED],
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert (ran.returncode, ran.stdout) == (0, "restored\n"), f"{python}: {ran.stderr}"


def test_in_a_session(newest: Pytest) -> None:
    """A test's tracers see no call of the energy pass, and are there after an error in it."""
    newest.write(
        """
        import sys
        import threading
        import pytest

        seen = []

        def spy(frame, event, argument):
            if frame.f_code.co_name == "function":
                seen.append(event)

        @pytest.fixture
        def spied():
            seen.clear()
            changed = (sys.setprofile, threading.settrace, threading.setprofile)
            for change in changed:
                change(spy)
            yield
            for change in changed:
                change(None)

        def now():
            return sys.getprofile(), threading.gettrace(), threading.getprofile()

        def test_it(spied, energy_benchmark):
            def function():
                pass

            energy_benchmark(function)
            assert now() == (spy,) * 3
            assert seen.count("call") == 1

        def test_fails_later(spied, energy_benchmark):
            calls = iter(range(30))

            def function():
                next(calls)

            energy_benchmark(function)
            assert energy_benchmark.energy is None
            assert now() == (spy,) * 3
            assert seen.count("call") == 1
        """
    )
    session = newest.measure(*QUICK)
    assert session.code == 0, session.out
