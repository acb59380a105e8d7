"""The fixture `benchmark` of pytest-benchmark, with an energy pass after the timing pass.

Registered after pytest-benchmark, so that this fixture gets the other one and changes its class:
tests, and fixtures of users on top, see a BenchmarkFixture as before.

The timer is the only private attribute of pytest-benchmark that energybench touches
(BenchmarkFixture._timer, the same from 4.0.0 to 5.3.1), and only here. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from energybench.gating import benchmark_file
from energybench.pytest_plugin import record as records
from energybench.pytest_plugin.gates import CI_RECORD
from energybench.pytest_plugin.loops import loop_of
from energybench.pytest_plugin.measuring import EnergyPass, Outcome, confirm_by, new_run
from energybench.pytest_plugin.pedantic import measured_rounds
from energybench.pytest_plugin.plugin import SESSION
from energybench.pytest_plugin.round_edges import Edges
from energybench.pytest_plugin.rounds import Rounds
from energybench.pytest_plugin.session import EnergySession
from energybench.pytest_plugin.used_fixtures import replaced
from energybench.pytest_plugin.windows import Calls, drive
from energybench.real_clock import monotonic

_BETWEEN_ROUNDS = ("setup", "teardown")  # arguments of pedantic; the oldest has no teardown
_TIMER = "_timer"
_NAMES_FOR_GROUPS = ("group", "name", "fullname", "param", "params")


@pytest.fixture
def benchmark(benchmark: Any, request: pytest.FixtureRequest) -> Any:
    """Measure time, and energy per iteration, of a function."""
    session = request.config.pluginmanager.get_plugin(SESSION)
    if session is None or session.off is not None:
        return benchmark
    if (why := replaced(benchmark)) is not None:
        session.take(request.node, records.of_refusal(session.blank(request.node), why))
        return benchmark
    session.begin_measuring(request.node)
    benchmark.__class__ = EnergyFixture
    benchmark.energybench = Energy(session, request.node, benchmark)
    return benchmark


class EnergyFixture(BenchmarkFixture):  # type: ignore[misc]
    """pytest-benchmark's fixture, measured."""

    energybench: Energy

    @property
    def _timer(self) -> Any:
        """pytest-benchmark's timer, or that of the next round of `pedantic`."""
        edges = self.energybench.edges
        return self.energybench.timer if edges is None else edges.timer()

    @_timer.setter
    def _timer(self, timer: Any) -> None:  # a test may choose another one
        self.__dict__[_TIMER] = timer

    def __call__(self, function_to_benchmark: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        start_s = monotonic()
        result = super().__call__(function_to_benchmark, *args, **kwargs)
        elapsed_s = monotonic() - start_s
        self.energybench.calls(function_to_benchmark, args, kwargs, elapsed_s, result)
        return result

    def pedantic(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return self.energybench.pedantic(super().pedantic, target, args, kwargs)


class Energy:
    """The energy of one `benchmark` test.

    edges  of the windows of `pedantic`, which is under way; None: it is not
    """

    def __init__(self, session: EnergySession, item: pytest.Item, fixture: Any) -> None:
        self._session, self._item, self._fixture = session, item, fixture
        self.edges: Edges | None = None

    @property
    def timer(self) -> Any:
        """The timer of pytest-benchmark. Raises AttributeError if a version has another one."""
        try:
            return self._fixture.__dict__[_TIMER]
        except KeyError:
            raise AttributeError(_TIMER) from None

    def calls(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        elapsed_s: float,
        result: object,
    ) -> None:
        """The energy pass after the timing pass, which took `elapsed_s` and returned `result`."""
        session = self._session
        blank = session.blank(self._item, group_of_times=self._group_of_times())
        calls = Calls(
            prepared=lambda: loop_of(function, args, kwargs), without_gc=self._without_gc()
        )
        call_s = self._call_s(elapsed_s)
        with EnergyPass(session, self._item, blank, call_s) as energy:
            energy.windows = drive(energy.steps, calls)
        measured = energy.outcome
        if session.would_fail(measured.record):
            with EnergyPass(session, self._item, blank, call_s) as again:
                again.windows = drive(again.steps, calls)
            confirm_by(measured.record, again.outcome.record)
        records.note_later_work(measured.record, result)
        self._take(measured)

    def pedantic(
        self,
        pedantic: Callable[..., Any],
        target: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        __tracebackhide__ = True
        session = self._session
        blank = session.blank(self._item, group_of_times=self._group_of_times())
        run = new_run(self._item.nodeid, session.settings, session.store)
        asked = _asked(target, args, kwargs)
        timer = getattr(self._fixture, _TIMER, None)
        edges = Edges(run, session.settings, timer, _rounds(asked.arguments))
        for name in _BETWEEN_ROUNDS:
            step = asked.arguments.get(name)
            if step is not None:
                asked.arguments[name] = edges.timed(step)

        def of_the_test(measured_target: Callable[..., Any]) -> Any:
            __tracebackhide__ = True
            asked.arguments["target"] = measured_target
            return pedantic(*asked.args[1:], **asked.kwargs)

        self.edges = edges if callable(timer) else None
        try:
            result, measured = measured_rounds(
                self._fixture, edges, run, of_the_test, target, blank, session.id
            )
        finally:
            self.edges = None
        records.note_later_work(measured.record, result)
        self._take(measured)
        return result

    def _take(self, measured: Outcome) -> None:
        shown, record = measured.record, measured.record.get(CI_RECORD)
        document = benchmark_file.line(shown, record)
        no_baseline = shown.get("not_alone")
        self._session.attempts.write(self._item, self._fixture, document, no_baseline)
        self._session.take(self._item, measured.record)

    def _group_of_times(self) -> str | None:
        """The test's group in the table of times, by `--benchmark-group-by` and users' hooks."""
        fixture, config = self._fixture, self._item.config
        way = config.getoption("benchmark_group_by", "group")
        if way == "group":
            return fixture.group  # type: ignore[no-any-return]
        benchmark = {name: getattr(fixture, name) for name in _NAMES_FOR_GROUPS}
        try:
            ((group, _),) = config.hook.pytest_benchmark_group_stats(
                config=config, benchmarks=[benchmark], group_by=way
            )
        except Exception:  # the hook is foreign code; pytest-benchmark itself shows its error
            return fixture.group  # type: ignore[no-any-return]
        return None if group is None else str(group)

    def _call_s(self, elapsed_s: float) -> float:
        """Time of a call, at most: of the timing pass, or of the only call if there was none. The
        statistics of the timing pass need not be times: the timer may be any function.
        """
        metadata = self._fixture.stats
        rounds = getattr(getattr(metadata, "stats", None), "rounds", None) or 1
        iterations = getattr(metadata, "iterations", None) or 1
        return elapsed_s / (rounds * iterations)

    def _without_gc(self) -> bool:
        """As the timing pass does."""
        marker = self._item.get_closest_marker("benchmark")
        stated = marker.kwargs.get("disable_gc") if marker is not None else None
        option = self._item.config.getoption("benchmark_disable_gc", False)
        return bool(option if stated is None else stated)


def _asked(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments with which a test calls `benchmark.pedantic`, the first of them the fixture.
    Raises the TypeError of a wrong call.
    """
    bound = inspect.signature(BenchmarkFixture.pedantic).bind(None, target, *args, **kwargs)
    bound.apply_defaults()
    return bound


def _rounds(asked: Mapping[str, Any]) -> Rounds:
    """The rounds and iterations that a test asks for."""
    return Rounds(
        warmup=asked["warmup_rounds"],
        measured=asked["rounds"],
        iterations=asked["iterations"],
        set_up=any(asked.get(name) is not None for name in _BETWEEN_ROUNDS),
    )
