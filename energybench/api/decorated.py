"""`@energybench.measured`: every call of a function is a block."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from energybench.api.blocks import measure
from energybench.api.stated import bad_input

P = ParamSpec("P")
T = TypeVar("T")

# Flags of a function's code (inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR): the module
# inspect takes longer to import than all of this.
_GENERATORS, _COROUTINE = 0x20 | 0x200, 0x80


@overload
def measured(function: Callable[P, T], /) -> Callable[P, T]: ...


@overload
def measured(
    *, label: str | None = None, **options: Any
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def measured(
    function: Callable[..., Any] | None = None, /, *, label: str | None = None, **options: Any
) -> Any:
    """Measure every call of a function or coroutine function; `function.last` is the block of the
    latest call. Takes the options of `measure`; the label is the function's name by default.
    """
    if function is None:
        return lambda decorated: _measured_function(decorated, label, options)
    return _measured_function(function, label, options)


def _measured_function(
    function: Callable[..., Any], label: str | None, options: dict[str, Any]
) -> Callable[..., Any]:
    if not callable(function):
        raise bad_input(str(function), "is not a function", '@energybench.measured(label="…")')
    name = str(label or getattr(function, "__qualname__", type(function).__qualname__))
    measure(name, **options)  # options that are not possible are an error here, not in the calls
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & _GENERATORS:
        raise bad_input(name, "is a generator, whose call does no work yet", "measure its loop")

    if flags & _COROUTINE:

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            block = measure(name, **options)
            async with block:
                result = await function(*args, **kwargs)
            wrapper.last = block  # type: ignore[attr-defined]
            return result

        return wrapper

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        block = measure(name, **options)
        with block:
            result = function(*args, **kwargs)
        plain.last = block  # type: ignore[attr-defined]
        return result

    return plain
