"""`@energybench.measured`: every call of a function is a block."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from energybench.api.block_doubts import work_after_the_call
from energybench.api.blocks import measure
from energybench.api.later_work import is_coroutine_function, is_generator_function, later_work
from energybench.api.stated import bad_input

P = ParamSpec("P")
T = TypeVar("T")


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
    latest call, None before the first. Takes the options of `measure`; the label is the function's
    name by default.
    """
    if function is None:
        return lambda decorated: _measured_function(decorated, label, options)
    return _measured_function(function, label, options)


def _measured_function(
    function: Callable[..., Any], label: str | None, options: dict[str, Any]
) -> Any:
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_measured_function(function.__func__, label, options))
    _check(function)
    name = str(label or getattr(function, "__qualname__", type(function).__qualname__))
    measure(name, **options)  # options that are not possible are an error here, not in the calls
    if is_generator_function(function):
        raise bad_input(name, "is a generator, whose call does no work yet", "measure its loop")

    if is_coroutine_function(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            block = measure(name, **options)
            try:
                async with block:
                    return await function(*args, **kwargs)
            finally:
                wrapper.last = block  # type: ignore[attr-defined]

        wrapper.last = None  # type: ignore[attr-defined]
        return wrapper

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        block = measure(name, **options)
        try:
            with block:
                result = function(*args, **kwargs)
                if (kind := later_work(result)) is not None:
                    work_after_the_call(block.run, block.label, kind)
                return result
        finally:
            plain.last = block  # type: ignore[attr-defined]

    plain.last = None  # type: ignore[attr-defined]
    return plain


def _check(function: object) -> None:
    """Raises BadInput for all that cannot be replaced by a function."""
    if isinstance(function, property | functools.cached_property):
        kind = type(function).__name__
        raise bad_input(
            "@measured", f"is above @{kind}", f"write @energybench.measured below @{kind}"
        )
    if isinstance(function, type):
        raise bad_input(
            function.__qualname__, "is a class, and would become a function", "measure its methods"
        )
    if not callable(function):
        raise bad_input(str(function), "is not a function", '@energybench.measured(label="…")')
