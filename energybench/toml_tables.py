"""Tables of a TOML file → structs, strictly; a mistake is one line with file, key and remedy."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import msgspec

from energybench.errors import BadInput
from energybench.model import Doubt

T = TypeVar("T")

_TYPE_REMEDIES = {
    "float": "a number, without quotes",
    "int": "a whole number, without quotes",
    "str": "text in quotes",
    "array": "a list, or [[…]] tables",
    "object": "a table",
}


def load(text: str, where: str) -> dict[str, Any]:
    """The top-level table of a TOML text. Raises BadInput."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        twice = "overwrite" in str(error)
        raise BadInput(
            where,
            f"is not TOML: {_lower(str(error))}",
            "a key or table that stands twice cannot be overwritten" if twice else "",
        ) from None
    except RecursionError:
        raise BadInput(where, "is nested too deeply") from None
    except ValueError as error:
        raise BadInput(where, f"is not TOML: {error}") from None


def convert(value: Any, kind: type[T], where: str, separator: str = ".") -> T:
    """The value as a struct. Raises BadInput with the key that does not fit; `separator` stands
    between `where` and that key.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        problem, remedy = _explained(problem, path, kind)
        key = path.strip("`").replace(".", separator, 1)
        raise BadInput(where + key, problem, remedy) from None
    except OverflowError:
        raise BadInput(where, "holds a number that is too large") from None


def _explained(problem: str, path: str, kind: type[Any]) -> tuple[str, str]:
    """msgspec's message in plain words, and the remedy."""
    remedy = ""
    if unknown := re.search(r"unknown field `(.+)`", problem):
        keys = getattr(kind, "__struct_fields__", ())
        close = difflib.get_close_matches(unknown[1], keys, 1, 0.5)
        problem = f"unknown key {unknown[1]!r}"
        remedy = f"did you mean {close[0]}?" if close else f"known: {', '.join(keys)}"
    elif problem.startswith("Invalid enum value"):
        remedy = f"one of {', '.join(_permitted_words(kind, path))}"
        if kind is Doubt:
            remedy = (
                "`energybench explain` lists the codes; scenario-note is for a note of your own"
            )
    elif expected := re.match(r"Expected `(\w+)", problem):
        remedy = _TYPE_REMEDIES.get(expected[1], "")
    problem = problem.replace("Object missing required field", "lacks the key").replace("`", "'")
    return _lower(problem), remedy


def _permitted_words(kind: type[Any], path: str) -> list[str]:
    """The words that the key at `path` may hold."""
    hint = get_type_hints(kind).get(re.sub(r"\W.*$", "", path.strip("`.")), Literal[""])
    parts = [part for option in get_args(hint) for part in (get_args(option) or (option,))]
    return [part for part in parts if isinstance(part, str)]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
