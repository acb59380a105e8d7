"""Helpers of every training: checkpoint file, remaining steps of a budget, diverging losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from energybench.errors import BadInput
from energybench.model import Doubt
from energybench.units import counted

# A last loss above this multiple of the first loss (or of 1 nat) is doubted: far beyond the effect
# of noise on a training that learns
_GROWN = 10.0


def check_checkpoint(path: str) -> None:
    """Raises BadInput, before any work, if no checkpoint could be written to the path. An empty
    path means no checkpoint.
    """
    if not path:
        return
    where, file = f"--set checkpoint={path}", Path(path)
    if not file.absolute().parent.is_dir():
        raise BadInput(where, "lies in no folder that exists", "a file in a folder that exists")
    if file.is_dir() or (file.exists() and not file.is_file()):
        what = "a folder" if file.is_dir() else "not a regular file, and would be replaced"
        raise BadInput(where, f"is {what}", "a file in a folder that exists")


class CheckpointFile:
    """A checkpoint file, watched for changes by other processes: of two processes training from one
    file at a time, each would discard the other's steps, and under privacy their ε.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._last = self._now()

    def _now(self) -> tuple[int, int, int] | None:
        """(inode, modification time, size), None if there is no file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def check(self) -> None:
        """Raises BadInput if another process has changed the file since the last use."""
        if self._now() != self._last:
            what = (
                "was written or removed by another process meanwhile: this run's steps since are "
                "not in it"
            )
            raise BadInput(
                f"--set checkpoint={self._path}",
                what,
                "one command at a time for a file; for two trainings two files",
            )

    def replace(self, draft: Path) -> None:
        """Rename the draft to the checkpoint's path. Raises as `check`, with the draft removed."""
        try:
            self.check()
        except BadInput:
            draft.unlink()
            raise
        draft.replace(self._path)
        self._last = self._now()


def steps_due(steps: int, checkpoint: str, total: int, done: int, why: str = "") -> int:
    """The steps to train now: at most `steps`, and at most the remainder of `total`, the steps of
    all runs from a checkpoint (0: no limit).

    Raises BadInput if no step remains; `why` completes the message with the harm of a further step.
    """
    if not checkpoint or not total:
        return steps
    if total <= done:
        remedy = "train no further, or begin anew with another file"
        raise BadInput(
            f"--set total={total}",
            f"{checkpoint} holds {counted(done, 'step')}, already done{why}",
            remedy,
        )
    return min(steps, total - done)


def numbers(losses: Sequence[float | None]) -> tuple[float | None, ...]:
    """The losses of a curve, with None in place of NaN and infinities."""
    return tuple(loss if loss is not None and math.isfinite(loss) else None for loss in losses)


def require_numbers(
    losses: Sequence[float | None], weights: bool, first: int, checkpoint: str
) -> None:
    """Call before replacing a checkpoint written at step `first`. Raises BadInput for a training
    that has diverged.

    losses   of the steps since the checkpoint; NaN or an infinity means divergence
    weights  whether every weight is finite
    """
    bad = [
        step
        for step, loss in enumerate(losses, first + 1)
        if loss is not None and not math.isfinite(loss)
    ]
    if weights and not bad:
        return
    by = bad[0] if bad else first + len(losses)
    if first:
        stays = f"{Path(checkpoint).name} stays at step {first}"
    else:
        stays = f"{Path(checkpoint).name} was not written"
    raise BadInput(
        "training",
        f"diverged by step {by}: its loss or weights are not numbers; {stays}",
        "a lower --set lr",
    )


def grown(losses: Sequence[float | None]) -> tuple[Doubt, ...]:
    """A doubt if the last loss is far above the first: the losses are finite, but nothing was
    learned.
    """
    finite = [loss for loss in losses if loss is not None and math.isfinite(loss)]
    if len(finite) < 2 or finite[-1] <= _GROWN * max(finite[0], 1.0):
        return ()
    message = (
        f"the loss went from {finite[0]:.3g} to {finite[-1]:.3g}: the training diverges, and its "
        "energy bought nothing"
    )
    return (
        Doubt(
            code="diverging",
            message=message,
            remedy="a lower --set lr; under privacy less noise or a smaller --set clip",
        ),
    )
