"""Waiting for the sampling process from a coroutine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


async def beside_the_loop(wait: Callable[[], T]) -> T:
    """Wait in a thread, so that the event loop goes on; without asyncio's loop, wait here."""
    asyncio = sys.modules.get("asyncio")
    try:
        loop = asyncio.get_running_loop() if asyncio is not None else None
    except RuntimeError:
        loop = None
    if loop is None:  # trio or curio
        return wait()
    return cast("T", await loop.run_in_executor(None, wait))
