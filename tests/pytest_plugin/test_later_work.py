"""Functions whose calls do no work yet, and errors of functions."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.runs import QUICK, Pytest


def test_every_form_of_a_coroutine_function_is_awaited(alone: Pytest) -> None:
    """A function, a method, an object, a partial: 20 ms of sleep at 60 W are 1.2 J a call."""
    alone.write(
        """
        import asyncio
        import functools
        import pytest

        async def function(seconds=0.02):
            await asyncio.sleep(seconds)
            return 5

        class Object:
            async def __call__(self):
                return await function()

            async def method(self):
                return await function()

        FORMS = {
            "function": function,
            "partial": functools.partial(functools.partial(function), 0.02),
            "object": Object(),
            "method": Object().method,
        }

        @pytest.mark.parametrize("name", FORMS)
        def test_it(energy_benchmark, name):
            assert energy_benchmark(FORMS[name]) == 5
            assert energy_benchmark.energy.energy_per_work_j.high > 1.1
        """
    )
    session = alone.measure("-W", "error")
    assert session.code == 0, session.out
    assert "not awaited" not in session.out


@pytest.mark.parametrize("fixture", ["benchmark", "energy_benchmark"])
def test_calls_that_do_no_work_yet_say_so(newest: Pytest, fixture: str) -> None:
    """A wrapper around a coroutine function, and generators, in both fixtures and in pedantic."""
    newest.write(
        f"""
        import functools

        async def coroutine():
            pass

        def generator():
            yield 1

        async def asynchronous():
            yield 1

        def wrapper():
            return coroutine()

        def test_coroutine({fixture}):
            {fixture}(wrapper).close()

        def test_generator({fixture}):
            assert list({fixture}(generator)) == [1]

        def test_asynchronous({fixture}):
            {fixture}(functools.partial(asynchronous))

        def test_list({fixture}):
            {fixture}(list)
        """
    )
    session = newest.measure(*QUICK)
    assert session.code == 0, session.out
    remarks = [line.strip() for line in session.table if " are made and not " in line]
    assert remarks == [
        "coroutines are made and not awaited: use energy_benchmark(function)",
        "generators are made and not run: give a function that runs the loop",
        "asynchronous generators are made and not run: give a function that runs the loop",
    ]


def test_an_error_of_the_function_shows_no_line_of_ours(newest: Pytest) -> None:
    """The traceback of a failed test holds the user's lines, and pytest-benchmark's."""
    newest.write(
        """
        def broken():
            raise LookupError("of the function")

        async def broken_later():
            raise LookupError("of the coroutine")

        def test_benchmark(benchmark):
            benchmark(broken)

        def test_pedantic(benchmark):
            benchmark.pedantic(broken, rounds=2)

        def test_energy(energy_benchmark):
            energy_benchmark(broken)

        def test_coroutine(energy_benchmark):
            energy_benchmark(broken_later)
        """
    )
    for options in (("-p", "no:benchmark"), ()):
        session = newest.measure(*(QUICK if not options else ()), *options)
        assert session.code == 1
        assert "in broken" in session.out or "def broken" in session.out
        assert "energybench/pytest_plugin" not in session.out
