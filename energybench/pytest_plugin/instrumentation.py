"""Tracers, profilers and monitors of Python code, paused for the energy pass.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_TOOLS = range(6)  # tools of sys.monitoring (PEP 669)


@contextmanager
def undisturbed(*, without_gc: bool) -> Iterator[None]:
    """Pause tracers, profilers and monitors, and the garbage collector if asked. The end of the
    context restores the previous state, also after an error.

    Tracers and profilers of further threads stay, because they take no time of this thread.
    """
    with ExitStack() as stack:
        if without_gc and gc.isenabled():
            gc.disable()
            stack.callback(gc.enable)
        _pause_monitors(stack)
        stack.callback(threading.setprofile, threading.getprofile())
        stack.callback(threading.settrace, threading.gettrace())
        threading.setprofile(None)
        threading.settrace(None)
        # This thread is paused last and restored first: the profiler and tracer of this thread
        # record none of the steps above.
        _pause_profiler(stack)
        stack.callback(sys.settrace, sys.gettrace())
        sys.settrace(None)
        yield


def _pause_profiler(stack: ExitStack) -> None:
    """Pause the profiler of this thread. cProfile's profiler is not a function, and cannot be set
    again.
    """
    profiler: Any = sys.getprofile()
    if profiler is not None and not callable(profiler):
        profiler.disable()
        stack.callback(profiler.enable)
        return
    stack.callback(sys.setprofile, profiler)
    sys.setprofile(None)


def _pause_monitors(stack: ExitStack) -> None:
    """Pause the tools of sys.monitoring: coverage, cProfile and debuggers from Python 3.12 on.

    Events for the whole program are switched off. Events for single code objects cannot be listed:
    the functions for the events are removed instead.
    """
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        return
    events = [
        number
        for name, number in vars(monitoring.events).items()
        if name.isupper() and number and number & (number - 1) == 0
    ]
    for tool in _TOOLS:
        if monitoring.get_tool(tool) is None:
            continue
        stack.callback(monitoring.set_events, tool, monitoring.get_events(tool))
        monitoring.set_events(tool, 0)
        for event in events:
            _pause_callback(stack, monitoring.register_callback, tool, event)


def _pause_callback(stack: ExitStack, register: Callable[..., Any], tool: int, event: int) -> None:
    function = register(tool, event, None)
    if function is not None:
        stack.callback(register, tool, event, function)
