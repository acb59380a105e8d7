"""What trainings share: a checkpoint's path, the steps that are left of a budget, and a loss that
runs away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from energybench.errors import BadInput
from energybench.model import Doubt

_GROWN = (
    10.0  # times the first loss (or 1 nat): far beyond what noise does to a training that learns
)


def check_checkpoint(path: str) -> None:
    """Raises BadInput, before any work, where a checkpoint could not be written ("" is none)."""
    if path and (not Path(path).absolute().parent.is_dir() or Path(path).is_dir()):
        what = "is a folder" if Path(path).is_dir() else "lies in no folder that exists"
        raise BadInput(f"--set checkpoint={path}", what, "a file in a folder that exists")


class Kept:
    """A checkpoint as this process has last seen it: two that go on from one file at a time would
    each lose the other's steps, and their ε.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen = self._now()

    def _now(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def check(self) -> None:
        """Raises BadInput where another process has written the file since."""
        if self._now() != self._seen:
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
        """The draft takes the file's place. Raises as `check`."""
        try:
            self.check()
        except BadInput:
            draft.unlink()
            raise
        draft.replace(self._path)
        self._seen = self._now()


def steps_due(steps: int, checkpoint: str, total: int, done: int, why: str = "") -> int:
    """Of a run's steps those that `total` of all runs from a checkpoint (0: no end) leaves. `why`:
    what more of them would do.

    Raises BadInput where it leaves none.
    """
    if not checkpoint or not total:
        return steps
    if total <= done:
        remedy = "train no further, or begin anew with another file"
        raise BadInput(
            f"--set total={total}", f"{checkpoint} holds {done} steps, these are done{why}", remedy
        )
    return min(steps, total - done)


def numbers(losses: Sequence[float | None]) -> tuple[float | None, ...]:
    """The losses with None in place of what is no number, as a curve has them."""
    return tuple(loss if loss is not None and math.isfinite(loss) else None for loss in losses)


def require_numbers(
    losses: Sequence[float | None], weights: bool, first: int, checkpoint: str
) -> None:
    """Before a checkpoint at step `first` is replaced: losses of the steps since, and whether all
    weights are numbers. Raises BadInput where some are not.
    """
    bad = [
        step
        for step, loss in enumerate(losses, first + 1)
        if loss is not None and not math.isfinite(loss)
    ]
    if weights and not bad:
        return
    by = bad[0] if bad else first + len(losses)
    stays = (
        f"{Path(checkpoint).name} stays at step {first}"
        if first
        else f"{Path(checkpoint).name} was not written"
    )
    raise BadInput(
        "training",
        f"diverged by step {by}: its loss or weights are not numbers; {stays}",
        "a lower --set lr",
    )


def grown(losses: Sequence[float | None]) -> tuple[Doubt, ...]:
    """A doubt where the last loss is far above the first: numbers, but nothing that was learned."""
    known = [loss for loss in losses if loss is not None and math.isfinite(loss)]
    if len(known) < 2 or known[-1] <= _GROWN * max(known[0], 1.0):
        return ()
    message = (
        f"the loss went from {known[0]:.3g} to {known[-1]:.3g}: the training diverges, and its "
        "energy bought nothing"
    )
    return (
        Doubt(
            code="diverging",
            message=message,
            remedy="a lower --set lr; under privacy less noise or a smaller --set clip",
        ),
    )
