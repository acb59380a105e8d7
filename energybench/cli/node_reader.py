"""`energybench node-reader`: started by `measure --nodes job` on every node; not for people."""

from __future__ import annotations

from typing import Annotated

import typer

from energybench.measuring.numpy_threads import import_numpy
from energybench.measuring.signals import Signals


def node_reader(
    ranks: Annotated[bool, typer.Option("--ranks", help="For the ranks of `energybench rank`.")] = (
        False
    ),
) -> None:
    """Read this node for `energybench measure --nodes job`, which starts this command itself."""
    from energybench.measuring.clock import MonotonicClock
    from energybench.measuring.plan import Plan
    from energybench.measuring.started_collectors import StartedCollectors, start, surroundings

    def started(plan: Plan) -> StartedCollectors:
        readers = start(surroundings(plan, MonotonicClock()), plan.collectors)
        import_numpy()  # after the collectors' processes, which are small then
        return readers

    with Signals() as signals:
        from energybench.cluster.node_reader import serve
        from energybench.cluster.rank_reader import serve_ranks

        raise typer.Exit((serve_ranks if ranks else serve)(signals, started))
