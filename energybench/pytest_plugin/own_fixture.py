"""The fixture `energy_benchmark`: tests that are there for the energy.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from energybench.api.later_work import is_coroutine_function
from energybench.pytest_plugin.loops import awaited_loop_of, loop_of
from energybench.real_clock import monotonic

if TYPE_CHECKING:
    from energybench.model import Estimate, Measurement
    from energybench.pytest_plugin.measuring import EnergyPass
    from energybench.pytest_plugin.session import EnergySession

SetUp = Callable[[], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How one use is measured.

    setup       called before every window; may return (args, kwargs) for the calls of the window
    teardown    called after every window
    idle_s      length of idle phases before and after the windows; 0: none
    iterations  calls in a window; None: as many as fill the window
    windows     number of windows; None: as the session's options say
    """

    setup: SetUp | None = None
    teardown: Callable[[], object] | None = None
    idle_s: float = 0.0
    iterations: int | None = None
    windows: int | None = None


class EnergyBenchmark:
    """Calls functions and measures them; without --benchmark-energy it only calls them, once.

    group  group of the test in the table; None: the marker's
    """

    def __init__(self, item: pytest.Item, session: EnergySession | None) -> None:
        measures = session is not None and session.off is None
        self._item, self._session = item, session if measures else None
        if self._session is not None:
            self._session.begin_measuring(item)
        self._uses: list[Use] = []
        self.group: str | None = None

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of the function, whose energy is measured."""
        __tracebackhide__ = True
        return self.use()(function, *args, **kwargs)

    def use(
        self,
        label: str = "",
        *,
        setup: SetUp | None = None,
        teardown: Callable[[], object] | None = None,
        idle: float = 0.0,
        iterations: int | None = None,
        windows: int | None = None,
    ) -> Use:
        """A use of the fixture, to be called once: `use("label")(function, *args)`.

        label       name of the use in the table
        setup       called before every window, outside of it; may return (args, kwargs)
        teardown    called after every window
        idle        length of idle phases before and after, s
        iterations  calls in a window, instead of as many as fill it
        windows     number of windows, instead of the option's
        """
        is_number = isinstance(idle, int | float) and not isinstance(idle, bool)
        if not is_number or not 0 <= idle < 1e5:
            raise ValueError(f"idle={idle!r} is not a length of time in s")
        for name, number in (("iterations", iterations), ("windows", windows)):
            whole = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and not (whole and number >= 1):
                raise ValueError(f"{name}={number!r} is not a number from 1")
        for name, function in (("setup", setup), ("teardown", teardown)):
            if function is not None and not callable(function):
                raise ValueError(f"{name}={function!r} is not a function")
        one_line = " ".join(str(label).split())
        name = numbered(one_line, {use.label for use in self._uses})
        wish = Wish(
            setup=setup, teardown=teardown, idle_s=idle, iterations=iterations, windows=windows
        )
        use = Use(name, wish, self._item, self._session, lambda: self.group)
        self._uses.append(use)
        return use

    @property
    def energy(self) -> Measurement | None:
        """The measurement of the last use; None: not measured."""
        return self._uses[-1].energy if self._uses else None

    def ratio(self, first: Use, second: Use) -> Estimate | None:
        """Energy per iteration of the first use relative to the second, with its interval: errors
        of the sensors that both share cancel. None: not measured.
        """
        for use in (first, second):
            if not isinstance(use, Use):
                raise TypeError(f"{use!r} is not a use: ratio takes two of energy_benchmark.use(…)")
        above, below = first.energy, second.energy
        if above is None or below is None or above.work is None or below.work is None:
            return None
        from energybench.analysis.comparison.compare import compare

        # for equal numbers of calls: the amounts of work are part of the measurements
        return compare(above, below, force=True).energy_ratio


def numbered(label: str, taken: Collection[str]) -> str:
    """The label, with a number if another use in the test has it."""
    name, number = label, 1
    while name in taken:
        number += 1
        name = f"{label} {number}".strip()
    return name


class Use:
    """One use of the fixture."""

    def __init__(
        self,
        label: str,
        wish: Wish,
        item: pytest.Item,
        session: EnergySession | None,
        group: Callable[[], str | None],
    ) -> None:
        self.label = label
        self._wish, self._item, self._session, self._group = wish, item, session, group
        self._used = False
        self.energy: Measurement | None = None

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result of the function. A coroutine function runs on an event loop of its own; in a
        test that is itself asynchronous, the call is to be awaited.
        """
        if self._used:
            raise RuntimeError("this use of energy_benchmark was called before: make another one")
        __tracebackhide__ = True
        self._used = True
        if not is_coroutine_function(function):
            return self._plain(function, args, kwargs)
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            with asyncio.Runner() as runner:
                return runner.run(self._awaited(function, args, kwargs))
        return self._awaited(function, args, kwargs)

    def _plain(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        __tracebackhide__ = True
        own_args, own_kwargs = self._set_up(args, kwargs)
        start_s = monotonic()
        try:
            result = function(*own_args, **own_kwargs)
            call_s = monotonic() - start_s
        finally:
            self._tear_down()
        energy = self._energy_pass(call_s)
        if energy is not None:
            from energybench.pytest_plugin.record import note_later_work
            from energybench.pytest_plugin.windows import Calls, drive

            calls = Calls(
                prepared=lambda: loop_of(function, *self._set_up(args, kwargs)),
                after=self._tear_down,
            )
            with energy:
                energy.windows = drive(energy.steps, calls)
            again = self._again(energy, call_s)
            if again is not None:
                with again:
                    again.windows = drive(again.steps, calls)
            note_later_work(energy.outcome.record, result)
            self._take(energy, again)
        return result

    async def _awaited(
        self,
        function: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        __tracebackhide__ = True
        own_args, own_kwargs = self._set_up(args, kwargs)
        start_s = monotonic()
        try:
            result = await function(*own_args, **own_kwargs)
            call_s = monotonic() - start_s
        finally:
            self._tear_down()
        energy = self._energy_pass(call_s)
        if energy is not None:
            from energybench.pytest_plugin.windows import Calls, drive_awaited

            calls = Calls(
                prepared=lambda: awaited_loop_of(function, *self._set_up(args, kwargs)),
                after=self._tear_down,
            )
            with energy:
                energy.windows = await drive_awaited(energy.steps, calls)
            again = self._again(energy, call_s)
            if again is not None:
                with again:
                    again.windows = await drive_awaited(again.steps, calls)
            self._take(energy, again)
        return result

    # ------------------------------------------------------------ around the calls

    def _set_up(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the next calls."""
        stated = self._wish.setup() if self._wish.setup is not None else None
        if not stated:
            return args, kwargs
        try:
            own_args, own_kwargs = stated
            return tuple(own_args), dict(own_kwargs)
        except (TypeError, ValueError):
            raise ValueError(
                f"setup returned {stated!r}: write `return args, kwargs`, such as (data,), {{}}"
            ) from None

    def _tear_down(self) -> None:
        if self._wish.teardown is not None:
            self._wish.teardown()

    def _energy_pass(self, call_s: float) -> EnergyPass | None:
        """The energy pass after a call that took `call_s`; None: energy is not asked for."""
        if self._session is None:
            return None
        from energybench.pytest_plugin.measuring import EnergyPass

        settings = self._session.settings
        if self._wish.windows is not None:
            settings = replace(settings, windows=self._wish.windows, precision_rel=None)
        return EnergyPass(
            self._session,
            self._item,
            self._session.blank(self._item, self.label, self._group()),
            call_s,
            settings,
            idle_s=self._wish.idle_s,
            calls=self._wish.iterations,
        )

    def _again(self, energy: EnergyPass, call_s: float) -> EnergyPass | None:
        """A second energy pass if a gate would fail by the first; None: it would not."""
        assert self._session is not None
        would_fail = self._session.would_fail(energy.outcome.record)
        return self._energy_pass(call_s) if would_fail else None

    def _take(self, energy: EnergyPass, again: EnergyPass | None) -> None:
        assert self._session is not None
        if again is not None:
            from energybench.pytest_plugin.measuring import confirm_by

            confirm_by(energy.outcome.record, again.outcome.record)
        self.energy = energy.outcome.measurement
        self._session.take(self._item, energy.outcome.record)
