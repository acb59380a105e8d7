"""Scenario files (TOML, schema energybench-scenario/1): found by name or path, read strictly,
values looked up in the dated tables.

What is wrong is said in one line: file, key, what, remedy. See docs/projecting.md for every key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import msgspec

from energybench.analysis.uncertainty.effects import ranged
from energybench.errors import BadInput
from energybench.model import BoundaryName, Doubt, Estimate, Noun, Positive
from energybench.projecting import dated_tables as tables
from energybench.projecting.formula import Step, is_name
from energybench.projecting.mix import QUANTITIES
from energybench.projecting.project import Given, Published, Results, Scenario

MAX_BYTES = 1_000_000
SCHEMA = "energybench-scenario/1"
T = TypeVar("T")


class _File(Noun, frozen=True, kw_only=True):
    """The top level of a file; its tables are converted one by one, so that a message can name the
    entry.
    """

    schema: str
    name: str
    title: str
    about: str
    mode: Literal["throughput", "time-to-solution"] = "throughput"
    model: Literal["fleet"] | None = None
    boundary: BoundaryName = "compute"
    currency: str | None = None
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    lines: list[Any] = msgspec.field(default_factory=list)
    claims: list[Any] = msgspec.field(default_factory=list)
    results: Any = msgspec.field(default_factory=dict)
    mix: dict[str, Any] = msgspec.field(default_factory=dict)
    doubts: list[Any] = msgspec.field(default_factory=list)


class _Input(Noun, frozen=True, kw_only=True):
    """[inputs.NAME]: one of value, sku, carbon, equivalence (or none, where it is measured)."""

    value: float | None = None
    sku: str | None = None
    carbon: str | None = None
    equivalence: str | None = None
    measured: str | None = None
    low: float | None = None
    high: float | None = None
    among: list[str] | None = None
    unit: str | None = None
    source: str | None = None
    evidence: Literal["seen", "inferred", "assumed"] | None = None
    key: str | None = None


class _Share(Noun, frozen=True, kw_only=True):
    share: Positive


def names() -> tuple[str, ...]:
    """Built-in scenarios."""
    folder = files("energybench.data").joinpath("scenarios")
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        )
    )


def read(name: str) -> Scenario:
    """A built-in scenario by name, or one from a file. Raises BadInput."""
    if name in names():
        return parse(
            files("energybench.data").joinpath("scenarios", f"{name}.toml").read_text("utf-8"), name
        )
    path = Path(name)
    if not (name.endswith(".toml") or "/" in name or path.is_file()):
        close = difflib.get_close_matches(name, names(), 1, 0.5)
        raise BadInput(
            f"scenario {name!r}",
            "no such scenario",
            (f"did you mean {close[0]}? " if close else "")
            + f"have {', '.join(names())}; or a .toml file",
        )
    return parse(_text(path), str(path))


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise BadInput(str(path), "is a folder", "name the .toml file in it")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise BadInput(
                str(path), f"is larger than {MAX_BYTES // 1000} kB", "a scenario is a page or two"
            )
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise BadInput(str(path), "no such file", f"built in: {', '.join(names())}") from None
    except UnicodeDecodeError:
        raise BadInput(str(path), "is no UTF-8 text", "a scenario is a TOML file") from None
    except (OSError, ValueError) as error:
        raise BadInput(str(path), f"cannot be read: {error}") from None


def parse(text: str, where: str) -> Scenario:
    """The scenario of a text that came from `where`.

    Raises BadInput; formulas are checked when the scenario is projected.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            where,
            f"is no TOML: {_lower(str(error))}",
            "a key or table that stands twice cannot be overwritten"
            if "overwrite" in str(error)
            else "",
        ) from None
    except (RecursionError, ValueError) as error:
        raise BadInput(
            where,
            "is nested too deeply" if isinstance(error, RecursionError) else f"is no TOML: {error}",
        ) from None
    if table.get("schema") != SCHEMA:
        raise BadInput(
            f"{where}: schema",
            f"is {table['schema']!r}" if "schema" in table else "is missing",
            f'schema = "{SCHEMA}"',
        )
    raw = _convert(table, _File, where)
    doubts = [
        _convert(doubt, Doubt, f"{where}: doubts[{i}]") for i, doubt in enumerate(raw.doubts, 1)
    ]
    dated: dict[str, None] = {}
    inputs = tuple(
        _given(name, entry, raw.currency, f"{where}: inputs.{name}", dated)
        for name, entry in raw.inputs.items()
    )
    if dated:
        message = f"list prices of a day that has passed, none of them current: {'; '.join(dated)}"
        doubts.append(
            Doubt(
                code="dated-prices",
                message=message,
                remedy="state the price you pay, as value with unit and source",
            )
        )
    return Scenario(
        name=raw.name,
        title=raw.title,
        about=raw.about,
        mode=raw.mode,
        model=raw.model,
        boundary=raw.boundary,
        currency=raw.currency,
        inputs=inputs,
        lines=tuple(_step(entry, i, where) for i, entry in enumerate(raw.lines, 1)),
        claims=tuple(_published(entry, i, where) for i, entry in enumerate(raw.claims, 1)),
        results=_convert(raw.results, Results, f"{where}: results"),
        mix={
            name: _convert({"share": share}, _Share, f"{where}: mix.{name}").share
            for name, share in raw.mix.items()
        },
        doubts=tuple(doubts),
    )


_WANTED = {
    "float": "a number, without quotes",
    "int": "a whole number, without quotes",
    "str": "text in quotes",
    "array": "a list, or [[…]] tables",
    "object": "a table",
}


def _words(kind: type[Any], path: str) -> list[str]:
    """The words that a key may hold."""
    hint = get_type_hints(kind).get(re.sub(r"\W.*$", "", path.strip("`.")), Literal[""])
    parts = [part for option in get_args(hint) for part in (get_args(option) or (option,))]
    return [part for part in parts if isinstance(part, str)]


def _convert(value: Any, kind: type[T], where: str) -> T:
    """The value as a struct. Raises BadInput with the key where it does not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        unknown = re.search(r"unknown field `(.+)`", said)
        keys = getattr(kind, "__struct_fields__", ())
        remedy = ""
        if unknown:
            close = difflib.get_close_matches(unknown[1], keys, 1, 0.5)
            said, remedy = (
                f"unknown key {unknown[1]!r}",
                f"did you mean {close[0]}?" if close else f"known: {', '.join(keys)}",
            )
        elif said.startswith("Invalid enum value"):
            remedy = f"one of {', '.join(_words(kind, path))}"
            if kind is Doubt:
                remedy = (
                    "`energybench explain` lists the codes; scenario-note is for a note of your own"
                )
        elif wanted := re.match(r"Expected `(\w+)", said):
            remedy = _WANTED.get(wanted[1], "")
        said = said.replace("Object missing required field", "lacks the key").replace("`", "'")
        inner = (
            path.strip("`").removesuffix(".share").replace(".", ": " if kind is _File else ".", 1)
        )
        raise BadInput(where + inner, _lower(said), remedy) from None
    except OverflowError:
        raise BadInput(where, "holds a number too large") from None


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _named(entry: Any, what: str, i: int, where: str) -> str:
    """'FILE: lines.NAME', or 'FILE: lines[3]' where it has no name."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{where}: {what}.{name}" if isinstance(name, str) and name else f"{where}: {what}[{i}]"


def _step(entry: Any, i: int, where: str) -> Step:
    key = _named(entry, "lines", i, where)
    return _checked_name(_convert(entry, Step, key), key)


def _checked_name(step: Step, key: str) -> Step:
    if not is_name(step.name):
        raise BadInput(
            key,
            f"{step.name!r} cannot be a name",
            "a letter, then letters, digits and _; no function's name and none of Python's own "
            "words",
        )
    return step


def _published(entry: Any, i: int, where: str) -> Published:
    return _convert(entry, Published, _named(entry, "claims", i, where))


# ---------------------------------------------------------------- inputs


def _given(
    name: str, entry: Any, currency: str | None, where: str, dated: dict[str, None]
) -> Given:
    """An input.

    Values that are looked up bring their unit and source; prices are noted in `dated`.
    """
    if not is_name(name):
        raise BadInput(
            where,
            f"{name!r} cannot be a name",
            "a letter, then letters, digits and _; no function's name and none of Python's own "
            "words",
        )
    raw = _convert(entry, _Input, where)
    if raw.measured is not None and raw.measured not in QUANTITIES:
        raise BadInput(
            f"{where}.measured",
            f"{raw.measured!r} is nothing a comparison has",
            "one of " + ", ".join(QUANTITIES),
        )
    ways = [
        way for way in ("value", "sku", "carbon", "equivalence") if getattr(raw, way) is not None
    ]
    if len(ways) > 1 or (not ways and raw.measured is None):
        raise BadInput(
            where,
            f"has {' and '.join(ways) or 'no value'}",
            "exactly one of value, sku, carbon, equivalence; or measured alone",
        )
    if ways and ways[0] != "value":
        return _looked_up(name, raw, ways[0], currency, where, dated)
    if raw.among is not None:
        raise BadInput(f"{where}.among", "belongs to a sku", "low and high give a value its range")
    unit = raw.unit
    if raw.measured is not None:
        if unit is not None and unit != QUANTITIES[raw.measured]:
            raise BadInput(
                f"{where}.unit",
                f"is {unit!r}",
                f"{raw.measured} is in {QUANTITIES[raw.measured]!r}",
            )
        unit = QUANTITIES[raw.measured]
    if unit is None:
        raise BadInput(f"{where}.unit", "is missing", 'such as "W"; "" for a plain number')
    if raw.value is None:
        if raw.low is not None or raw.high is not None:
            raise BadInput(
                where,
                "has a range and no value",
                "give value, low and high; the comparison replaces all three",
            )
        return Given(name=name, value=None, unit=unit, source="", measured=raw.measured)
    if not raw.source:
        raise BadInput(
            f"{where}.source", "is missing", "where the number was read, or how it was inferred"
        )
    value = _range(name, raw.value, raw, where)
    return Given(
        name=name,
        value=value,
        unit=unit,
        source=raw.source,
        evidence=raw.evidence,
        measured=raw.measured,
    )


def _looked_up(
    name: str, raw: _Input, way: str, currency: str | None, where: str, dated: dict[str, None]
) -> Given:
    for key in ("unit", "source", "evidence", "measured"):
        if getattr(raw, key) is not None:
            raise BadInput(
                f"{where}.{key}",
                f"does not go with {way}, which brings its own",
                "leave it out, or state value, unit and source",
            )
    if raw.among is not None and way != "sku":
        raise BadInput(f"{where}.among", "belongs to a sku", "low and high give a value its range")
    wanted = getattr(raw, way)
    row = {"sku": tables.price, "carbon": tables.carbon, "equivalence": tables.equivalence}[way](
        wanted, f"{where}.{way}"
    )
    low, high, source = (
        raw.low,
        raw.high,
        f"{row.source} ({row.date})" if row.date not in row.source else row.source,
    )
    if way == "sku":
        if currency != "USD":
            raise BadInput(
                f"{where}.sku",
                f"prices.csv is in USD, the scenario's currency is {currency or 'not stated'}",
                "state value, unit and source",
            )
        dated.setdefault(f"{wanted} ({row.date})")
        if raw.among is not None:
            prices = [tables.price(sku, f"{where}.among").value for sku in (wanted, *raw.among)]
            low, high = (
                (min(prices) if low is None else low),
                (max(prices) if high is None else high),
            )
            source += f"; range over {', '.join(raw.among)}"
    value = _range(name, row.value, raw, where, low, high)
    return Given(name=name, value=value, unit=row.unit, source=source, evidence="seen")


def _range(
    name: str,
    value: float,
    raw: _Input,
    where: str,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """The value with its stated range; a side that is not stated ends at the value."""
    low = raw.low if low is None else low
    high = raw.high if high is None else high
    if low is not None and low > value:
        raise BadInput(
            f"{where}.low", f"{low:g} lies above the value {value:g}", "low ≤ value ≤ high"
        )
    if high is not None and high < value:
        raise BadInput(
            f"{where}.high", f"{high:g} lies below the value {value:g}", "low ≤ value ≤ high"
        )
    return ranged(
        name, value, value if low is None else low, value if high is None else high, raw.key
    )
