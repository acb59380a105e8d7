"""The message that opens a run in the sampling process, from what the caller's process is now."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from energybench.api.caller_run import Options


class NoWorkingDirectory(Exception):
    """The store lies below a working directory that was removed."""


def opening(label: str, options: Options, *, counts_repeats: bool) -> dict[str, Any]:
    """All of the message but the number of the run. Raises NoWorkingDirectory and ImportError."""
    # late imports: a third of the time of the import
    from energybench.launch import local_ranks
    from energybench.own_step import own_environment

    ranks = local_ranks(own_environment())
    try:
        store = os.path.abspath(options.store)
    except OSError:
        raise NoWorkingDirectory(
            f"the store {options.store} lies in the working directory, which was removed"
        ) from None
    return {
        "do": "open",
        "label": label,
        "store": store,
        "temporary": options.temporary,
        "boundary": options.boundary,
        "idle_s": options.idle_s,
        "command": [os.fsdecode(word) for word in _command()],
        "collectors": list(options.collectors),
        "root": options.root,
        "session": options.session,
        "visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "device_order": os.environ.get("CUDA_DEVICE_ORDER"),
        "ranks": None if ranks is None else [ranks.job, ranks.rank, ranks.total],
        "counts_repeats": counts_repeats,
    }


def _command() -> list[str]:
    """Program and arguments of this process."""
    return list(getattr(sys, "orig_argv", sys.argv)) or [""]
