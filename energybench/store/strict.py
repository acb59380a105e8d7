"""Reading JSON that was written by us: truncated, foreign, NaN, duplicate or unknown keys are
reported, not guessed at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from energybench.errors import BadInput
from energybench.model import SCHEMA

T = TypeVar("T")


class _Wrong(ValueError):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _Wrong(f"key {key!r} stands twice")
        seen[key] = value
    return seen


def _no_constant(name: str) -> Any:
    raise _Wrong(f"{name} is not a number that JSON knows")


def load(path: Path) -> Any:
    """The JSON value of a file. Raises BadInput that names the file and what is wrong."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise BadInput(str(path), "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"cannot be read: {error}") from None
    return loads(text, str(path))


def loads(text: str, where: str) -> Any:
    """The JSON value of a text that came from `where`."""
    if not text.strip():
        raise BadInput(where, "is empty", "it was cut off, or is not ours")
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadInput(
            where,
            f"is no JSON at line {error.lineno}: {error.msg}",
            "it was cut off, or is not ours",
        ) from None
    except _Wrong as error:
        raise BadInput(where, str(error), "it is not ours, or was edited") from None
    except RecursionError:
        raise BadInput(where, "is nested too deeply", "it is not ours") from None


def convert(value: Any, kind: type[T], where: str) -> T:
    """The value as a noun. Raises BadInput with the key where it does not fit."""
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(value, dict) or (
        schema is None and "schema" in getattr(kind, "__struct_fields__", ())
    ):
        raise BadInput(where, "has no 'schema'", f"it is not ours: expected {SCHEMA!r}")
    if isinstance(schema, str) and schema.startswith("energybench/") and schema != SCHEMA:
        raise BadInput(
            f"{where}: schema",
            f"{schema!r} is not {SCHEMA!r}",
            "read it with the version that wrote it",
        )
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said, _, key = str(error).partition(" - at `$")
        raise BadInput(
            f"{where}: {key.strip('`').lstrip('.')}" if key else where,
            said[:1].lower() + said[1:],
            "it is not ours, or was edited",
        ) from None
