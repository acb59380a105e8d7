"""Work on a GPU is over when the GPU is done, and not when Python goes on: the edges of a block
wait for the devices. torch is asked only if the program has loaded it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from energybench.errors import in_one_line

Sync = Callable[[], object]


def wait_for_devices(sync: Sync | None) -> str | None:
    """Wait until the devices are done: by `sync`, and by torch if its CUDA is in use. The failure,
    in one line; None: no failure.
    """
    try:
        torch = sys.modules.get("torch")
        cuda = getattr(torch, "cuda", None)
        # a program without a context on a GPU must not get one here
        if cuda is not None and cuda.is_available() and cuda.is_initialized():
            _synchronise(cuda)
        if sync is not None:
            sync()
    except Exception as error:  # the program's own next call on the device says so too
        return in_one_line(error)
    return None


def _synchronise(cuda: object) -> None:
    """Wait for the current device and for every device that holds memory of this process."""
    current = cuda.current_device()  # type: ignore[attr-defined]
    for device in range(cuda.device_count()):  # type: ignore[attr-defined]
        if device == current or cuda.memory_reserved(device) > 0:  # type: ignore[attr-defined]
            cuda.synchronize(device)  # type: ignore[attr-defined]
