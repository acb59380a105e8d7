"""The processes of the collectors from their start until their sensors are opened.

Imports next to nothing: `measure` starts the processes before it imports numpy. A small process is
forked quickly, and the sensors are opened while the measuring process imports its libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from energybench import data
from energybench.measuring.isolated_collector import IsolatedCollector
from energybench.measuring.plan import Plan
from energybench.plugins import Clock, Context
from energybench.registry import load, registered


class StartedCollectors:
    """Started collectors. Leaving the context ends their processes.

    collectors  all registered collectors, or the requested collectors
    asked       requested names; empty: all collectors
    """

    def __init__(self, collectors: Sequence[IsolatedCollector], asked: Sequence[str]) -> None:
        self.collectors, self.asked = tuple(collectors), tuple(asked)

    def __enter__(self) -> StartedCollectors:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, side by side."""
        for collector in self.collectors:
            collector.release()
        for collector in self.collectors:
            collector.close()


def surroundings(plan: Plan, clock: Clock) -> Context:
    """Surroundings in which the collectors of a run open their sensors, before the work starts."""
    return Context(
        clock=clock,
        root=plan.root,
        visible_devices=plan.visible_devices,
        device_order=plan.device_order,
        priors=data.priors(),
    )


def start(context: Context, only: Sequence[str] = ()) -> StartedCollectors:
    """Start all registered collectors, or the collectors in `only`. Their processes load the
    plugins and open the sensors; a collector of last resort opens its sensors only if `only` names
    it, or later on request.

    context  its `work_pid` and clock are not used
    Raises BadInput if a collector of `only` does not exist.
    """
    names = registered("collectors")
    for name in only:
        if name not in names:
            load("collectors", name, names)  # raises
    collectors: list[IsolatedCollector] = []
    try:
        for name in only or names:
            collector = IsolatedCollector(name, names, context, opens_last_resort=bool(only))
            collectors.append(collector)
    except BaseException:
        StartedCollectors(collectors, only).close()
        raise
    return StartedCollectors(collectors, only)
