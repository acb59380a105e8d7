"""Functions whose calls do no work yet: a call of a coroutine function or of a generator function
returns at once, and the work is done when the result is awaited or looped over.

Flags of the function's code tell: the module inspect takes longer to import than all of this.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

# inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_GENERATORS, _COROUTINE = 0x20 | 0x200, 0x80
_KINDS = (
    (CoroutineType, "coroutine"),
    (GeneratorType, "generator"),
    (AsyncGeneratorType, "asynchronous generator"),
)


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether the calls are to be awaited: of a function, a method, an object with an asynchronous
    __call__, and of a functools.partial of these.
    """
    return bool(_flags(function) & _COROUTINE)


def is_generator_function(function: Callable[..., Any]) -> bool:
    """Whether the calls return generators, asynchronous ones too."""
    return bool(_flags(function) & _GENERATORS)


def _flags(function: Callable[..., Any]) -> int:
    while isinstance(function, partial):
        function = function.func
    for callee in (function, type(function).__call__):
        flags = getattr(getattr(callee, "__code__", None), "co_flags", None)
        if isinstance(flags, int):
            return flags
    return 0


def later_work(result: object) -> str | None:
    """The kind of a result whose work is done later ("coroutine"); None: any other result."""
    return next((name for kind, name in _KINDS if isinstance(result, kind)), None)
