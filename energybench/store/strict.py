"""Reading JSON strictly: truncated or foreign files, NaN, duplicate and unknown keys are refused
with their place, never guessed at.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from energybench.errors import BadInput
from energybench.model import SCHEMA
from energybench.regular_file import read_text

T = TypeVar("T")

# A run.json has some kilobytes, and some hundred bytes for each repeat and each reading of a clock.
MOST_BYTES = 128_000_000

# The escape of a UTF-16 surrogate: two halves together are one character, one half is none.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _Refused(ValueError):
    """Valid JSON for Python's parser, but not for a document of energybench."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise _Refused(f"key {key!r} stands twice")
        fields[key] = value
    return fields


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is not a JSON number")


def load(path: Path) -> Any:
    """The JSON value of a file. Raises BadInput that names the file and the mistake."""
    return loads(read_text(path, MOST_BYTES), str(path))


def loads(text: str, where: str) -> Any:
    """The JSON value of a text that came from `where`. Raises BadInput."""
    if not text.strip():
        raise BadInput(where, "is empty", "it was cut off, or energybench did not write it")
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except json.JSONDecodeError as error:
        raise BadInput(
            where,
            f"is not JSON at line {error.lineno}: {error.msg}",
            "it was cut off, or energybench did not write it",
        ) from None
    except _Refused as error:
        raise BadInput(
            where, str(error), "it was edited, or energybench did not write it"
        ) from None
    except RecursionError:
        raise BadInput(
            where, "is nested too deeply", "energybench did not write such a file"
        ) from None
    except UnicodeEncodeError:
        raise BadInput(
            where,
            "holds half of a surrogate pair, which is not a character",
            "it was edited, or energybench did not write it",
        ) from None
    except ValueError:  # Python refuses to read an integer of more than 4300 digits
        raise BadInput(
            where, "holds a number of too many digits", "energybench did not write such a file"
        ) from None


def convert(value: Any, kind: type[T], where: str) -> T:
    """The value as a noun; unknown fields are refused. Raises BadInput with the key of the mistake.

    Documents that a later energybench may have written go through `unknown_fields.convert`.
    """
    check_schema(value, kind, where)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise misfit(error, where) from None


def check_schema(value: Any, kind: type[Any], where: str) -> None:
    """Refuse documents without a schema, and documents of another schema. Raises BadInput."""
    schema = value.get("schema") if isinstance(value, dict) else None
    needs_schema = "schema" in getattr(kind, "__struct_fields__", ())
    if not isinstance(value, dict) or (schema is None and needs_schema):
        raise BadInput(
            where, "has no 'schema'", f"energybench did not write it: expected {SCHEMA!r}"
        )
    if isinstance(schema, str) and schema.startswith("energybench/") and schema != SCHEMA:
        raise BadInput(
            f"{where}: schema",
            f"{schema!r} is not {SCHEMA!r}",
            "read it with the version that wrote it",
        )


def misfit(error: msgspec.ValidationError, where: str) -> BadInput:
    """msgspec's refusal of a value, with the key as part of the place."""
    what, _, key = str(error).partition(" - at `$")
    return BadInput(
        f"{where}: {key.strip('`').lstrip('.')}" if key else where,
        what[:1].lower() + what[1:],
        "it was edited, or a later energybench wrote it (then read it with that version), or "
        "energybench did not write it",
    )
