"""`run`: a workload in a child process; idle, warm-up, repeats with checks until the scatter is
small enough, idle again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energybench.errors import BadInput
from energybench.measuring.bench import Bench
from energybench.measuring.child import Interrupted, WorkFailed
from energybench.measuring.peers import Peers
from energybench.measuring.plan import Plan, Progress, Request
from energybench.measuring.run_outcome import RunOutcome
from energybench.measuring.signals import Signals
from energybench.measuring.stopping import Stopping


def run_workload(
    request: Request,
    plan: Plan,
    signals: Signals,
    progress: Progress,
    peers: Peers | None = None,
) -> RunOutcome:
    """Run and measure a workload.

    peers  the other nodes that work on it; None: this node works alone

    Raises BadInput, and WorkFailed if the work failed before the first repeat was complete.
    """
    stopping = Stopping(
        repeats=request.repeats,
        target_rel=request.target_rel,
        max_repeats=request.max_repeats,
    )
    with Bench(plan, request, signals, progress, peers=peers) as bench:
        session = bench.session
        session.idle(bench.interrupted)
        try:
            bench.prepare()
            while (
                not bench.interrupted()
                and stopping.wants_more(bench, bench.complete)
                and not bench.ended()
            ):
                bench.repeat(request.repeats)
        except (WorkFailed, BadInput) as error:
            if bench.complete == 0:
                session.writer.discard()
                raise
            bench.failed(error)
        except Interrupted:
            pass
        finally:
            bench.stop()
        session.idle_after(bench.interrupted)
        if signals.received is not None and not bench.cut_short():
            session.writer.discard()
            raise WorkFailed(nothing_measured(signals.received.name, [bench.checkpoint]))
        return bench.finish()


def nothing_measured(signal: str, checkpoints: Sequence[str | None]) -> str:
    """The message if a signal came before anything was measured. A repeat saves the checkpoint
    before the record: steps may be in the file nevertheless.
    """
    message = f"{signal} came before the first repeat; nothing was measured"
    saved = [Path(path).name for path in checkpoints if path is not None and Path(path).is_file()]
    if saved:
        message += (
            f"; steps of the repeat that it ended may be in {' and '.join(saved)}, and count in a "
            "training that goes on"
        )
    return message
