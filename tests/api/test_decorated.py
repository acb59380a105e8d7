"""`@energybench.measured` on every kind of function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.callers import Node, node


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path) as live:
        yield live


def test_methods_of_every_kind(machine: Node) -> None:
    """Above or below @classmethod and @staticmethod, called by the class and by an object."""
    caller = machine.run(
        """
        measured = energybench.measured(**OPTIONS)

        class Work:
            @measured
            def plain(self, x):
                return x + 1

            @measured
            @classmethod
            def above_class(cls):
                return cls

            @classmethod
            @measured
            def below_class(cls):
                return cls

            @measured
            @staticmethod
            def above_static(x):
                return x + 2

            @staticmethod
            @measured
            def below_static(x):
                return x + 3

            @property
            @measured
            def value(self):
                return 4

        assert Work.plain.last is None
        work = Work()
        assert (work.plain(1), work.value) == (2, 4)
        assert Work.above_class() is work.above_class() is Work
        assert Work.below_class() is work.below_class() is Work
        assert (Work.above_static(1), work.above_static(1)) == (3, 3)
        assert (Work.below_static(1), work.below_static(1)) == (4, 4)
        for name in ("plain", "above_class", "below_class", "above_static", "below_static"):
            assert getattr(Work, name).last.measurement.label == f"Work.{name}"
        """
    )
    assert (caller.code, caller.error) == (0, "")
    assert len(caller.runs) == 10


@pytest.mark.parametrize(
    ("decorated", "words"),
    [
        ("property(lambda self: 1)", "is above @property (write @energybench.measured below"),
        ("functools.cached_property(len)", "is above @cached_property"),
        ("Class", "block 'Class': is a class, and would become a function"),
        ("'a label'", "block 'a label': is not a function"),
        ("functools.partial(generator)", "is a generator, whose call does no work yet"),
        ("asynchronous_generator", "is a generator, whose call does no work yet"),
    ],
)
def test_what_no_function_can_replace_is_one_line(
    machine: Node, decorated: str, words: str
) -> None:
    caller = machine.run(
        f"""
        import functools

        class Class:
            pass

        def generator():
            yield 1

        async def asynchronous_generator():
            yield 1

        try:
            energybench.measured({decorated})
        except Exception as error:
            print(type(error).__name__, error)
        """
    )
    assert (caller.code, caller.error) == (0, "")
    assert caller.out.startswith("BadInput ")
    assert words in caller.out
    assert caller.out.count("\n") == 1


def test_every_form_of_a_coroutine_function_is_awaited(machine: Node) -> None:
    """The block holds the whole of the awaited work: 0.1 s of sleep."""
    caller = machine.run(
        """
        import asyncio, functools

        async def function():
            await asyncio.sleep(0.1)
            return 5

        class Object:
            async def __call__(self):
                return await function()

        for form in (function, functools.partial(function), Object()):
            decorated = energybench.measured(label="form", **OPTIONS)(form)
            assert asyncio.run(decorated()) == 5
            assert decorated.last.time_s.high > 0.1
        """
    )
    assert (caller.code, caller.error) == (0, "")
    assert len(caller.runs) == 3


def test_work_after_the_call_is_a_doubt(machine: Node) -> None:
    """A wrapper returns a coroutine or a generator: once for a run, however often it is called."""
    caller = machine.run(
        """
        import asyncio

        @energybench.measured(label="wrapper", **OPTIONS)
        def wrapper():
            return asyncio.sleep(0)

        @energybench.measured(label="loop", **OPTIONS)
        def loop():
            return (x for x in range(3))

        @energybench.measured(label="list", **OPTIONS)
        def whole():
            return list(range(3))

        asyncio.run(wrapper())
        with energybench.measure("outer", **OPTIONS):
            for _ in range(3):
                assert list(loop()) == whole() == [0, 1, 2]
        """
    )
    assert (caller.code, caller.error) == (0, "")
    subjects = {
        run.label: [doubt.subject for doubt in run.doubts if doubt.code == "work-later"]
        for run in caller.runs
    }
    assert subjects == {"wrapper": ["wrapper"], "outer": ["loop"]}


def test_the_latest_call_counts_if_it_raised_too(machine: Node) -> None:
    caller = machine.run(
        """
        @energybench.measured(**OPTIONS)
        def function(error):
            if error is not None:
                raise error

        function(None)
        for error in (ValueError("x"), SystemExit(3), KeyboardInterrupt()):
            before = function.last
            try:
                function(error)
            except BaseException as raised:
                assert raised is error
            assert function.last is not before
            assert "cut-off" in {doubt.code for doubt in function.last.doubts}
        """
    )
    assert (caller.code, caller.error) == (0, "")
