"""Tables of a TOML file → structs, strictly; a mistake is a line with file, key and remedy."""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import date
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from energybench.errors import BadInput
from energybench.model import Doubt

T = TypeVar("T")

# A key, an item of a list, or "[...]": any value of a table with free keys.
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)

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


def first_day(text: str) -> date | None:
    """The first day of a day ("2026-11-01"), month ("2026-11") or year ("2026"); None for any other
    text.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = match.groups()
    try:
        return date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None


def convert(value: Any, kind: type[T], where: str, separator: str = ".") -> T:
    """The value as a struct. Raises BadInput with the unfitting key; `separator` stands between
    `where` and the key.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        path = path.strip("`")
        problem, remedy = _explained(problem, _type_at(kind, value, path))
        if kind is Doubt and path == ".code":
            remedy = (
                "`energybench explain` lists the codes; scenario-note is for a note of your own"
            )
        raise BadInput(where + path.replace(".", separator, 1), problem, remedy) from None
    except OverflowError:
        raise BadInput(where, "holds a number that is too large") from None


def _explained(problem: str, place: inspect.Type) -> tuple[str, str]:
    """msgspec's message in plain words, and the remedy. place: the type at the mistake."""
    remedy = ""
    if unknown := re.search(r"unknown field `(.+)`", problem):
        keys = _keys(place)
        close = difflib.get_close_matches(unknown[1], keys, 1, 0.5)
        problem = f"unknown key {unknown[1]!r}"
        remedy = f"did you mean {close[0]}?" if close else f"known: {', '.join(keys)}"
    elif problem.startswith(("Invalid enum value", "Invalid value")):
        words = _permitted_words(place)
        remedy = f"one of {', '.join(words)}" if words else ""
    elif expected := re.match(r"Expected `(\w+)", problem):
        remedy = _TYPE_REMEDIES.get(expected[1], "")
    problem = problem.replace("Object missing required field", "lacks the key").replace("`", "'")
    return _lower(problem), remedy


def _type_at(kind: type[Any], value: Any, path: str) -> inspect.Type:
    """The type of the value at a path of msgspec, such as '.channels[0].wave'. The key that chooses
    between several kinds of table ('.channels[0].wave.kind') has the type of all these kinds.
    """
    place = _kind_of_table(inspect.type_info(kind), value)
    for key, index in _STEP.findall(path):
        inner = _inner_type(place, key, index)
        if inner is None:
            return place
        if isinstance(value, dict) and key:
            value = value.get(key)
        elif isinstance(value, list) and index.isdigit():
            value = value[int(index)]
        else:
            value = None
        place = _kind_of_table(inner, value)
    return place


def _inner_type(place: inspect.Type, key: str, index: str) -> inspect.Type | None:
    """The type of a key of a table, or of an item of a list; None without a type."""
    if isinstance(place, inspect.StructType):
        return next((field.type for field in place.fields if field.encode_name == key), None)
    if isinstance(place, inspect.DictType):
        return place.value_type
    if isinstance(place, inspect.TupleType) and index.isdigit():
        return place.item_types[int(index)]
    if isinstance(place, inspect.CollectionType):
        return place.item_type
    return None


def _kind_of_table(place: inspect.Type, value: Any) -> inspect.Type:
    """Of a type with alternatives, the alternative chosen by the value; the type itself without a
    choice.
    """
    if not isinstance(place, inspect.UnionType):
        return place
    tables = [one for one in place.types if isinstance(one, inspect.StructType)]
    if isinstance(value, dict):
        chosen = [one for one in tables if one.tag_field and value.get(one.tag_field) == one.tag]
        tables = chosen or tables
    others = [one for one in place.types if not isinstance(one, inspect.NoneType)]
    if len(tables) == 1 and isinstance(value, dict):
        return tables[0]
    return others[0] if len(others) == 1 else place


def _keys(place: inspect.Type) -> list[str]:
    """The keys of a table."""
    if not isinstance(place, inspect.StructType):
        return []
    tag = [place.tag_field] if place.tag_field else []
    return tag + [field.encode_name for field in place.fields]


def _permitted_words(place: inspect.Type) -> list[str]:
    """The permitted words of a key: its own, or the words that choose a kind of table."""
    options = place.types if isinstance(place, inspect.UnionType) else (place,)
    words: list[Any] = []
    for option in options:
        if isinstance(option, inspect.LiteralType):
            words += option.values
        elif isinstance(option, inspect.StructType):
            words.append(option.tag)
    return [word for word in words if isinstance(word, str)]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
