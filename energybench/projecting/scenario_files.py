"""Scenario files (TOML, schema energybench-scenario/1): looked up by name or path, read strictly.

A mistake in a file is reported in one line: file, key, problem, remedy. docs/projecting.md lists
every key.
"""

from __future__ import annotations

import difflib
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from energybench.errors import BadInput
from energybench.formula import Step
from energybench.model import BoundaryName, Doubt, Mode, Noun, Positive
from energybench.projecting import currencies
from energybench.projecting.fleet_inputs import described
from energybench.projecting.scenario import (
    PublishedClaim,
    Results,
    Scenario,
    ScenarioDoubt,
    ScenarioInput,
)
from energybench.projecting.scenario_checks import check
from energybench.projecting.scenario_inputs import check_name, scenario_input
from energybench.projecting.scenario_unknowns import scenario_unknown
from energybench.projecting.site_file import Site, read_site
from energybench.regular_file import read_text
from energybench.toml_tables import convert, first_day, load

MAX_BYTES = 1_000_000
SCHEMA = "energybench-scenario/1"


class _File(Noun, frozen=True, kw_only=True):
    """The top level of a file. The tables inside are converted separately, so that a message can
    name the entry.
    """

    schema: str
    name: str
    title: str
    about: str
    mode: Mode = "throughput"
    model: Literal["fleet"] | None = None
    boundary: BoundaryName = "compute"
    currency: str | None = None
    include: str | None = None
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    unknowns: dict[str, Any] = msgspec.field(default_factory=dict)
    applications: list[str] = msgspec.field(default_factory=list)
    lines: list[Any] = msgspec.field(default_factory=list)
    claims: list[Any] = msgspec.field(default_factory=list)
    results: Any = msgspec.field(default_factory=dict)
    mix: dict[str, Any] = msgspec.field(default_factory=dict)
    doubts: list[Any] = msgspec.field(default_factory=list)


# ---------------------------------------------------------------- looking up


def names() -> tuple[str, ...]:
    """Built-in scenarios."""
    folder = files("energybench.data").joinpath("scenarios")
    entries = [entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return tuple(sorted(name.removesuffix(".toml") for name in entries))


def read(name: str, today: date | None = None) -> Scenario:
    """A built-in scenario by name, or a scenario from a file.

    today  dates of seen and inferred values may not lie after it; None: dates are not checked

    Raises BadInput.
    """
    if name in names():
        built_in = files("energybench.data").joinpath("scenarios", f"{name}.toml")
        return parse(built_in.read_text("utf-8"), name)
    path = Path(name)
    if not (name.endswith(".toml") or "/" in name or path.is_file()):
        close = difflib.get_close_matches(name, names(), 1, 0.5)
        suggestion = f"did you mean {close[0]}? " if close else ""
        raise BadInput(
            f"scenario {name!r}",
            "no such scenario",
            f"{suggestion}have {', '.join(names())}; or a .toml file",
        )
    scenario = parse(_text(path), str(path), path.parent)
    if today is not None:
        _refuse_future(scenario, today, str(path))
    return scenario


def _refuse_future(scenario: Scenario, today: date, where: str) -> None:
    """Raises BadInput for a value of a later date that is not stated as assumed: nobody has read
    it. A day more is left for dates of other time zones.
    """
    for entry in scenario.inputs:
        day = first_day(entry.date)
        if day is None or day <= today + timedelta(days=1) or entry.evidence == "assumed":
            continue
        raise BadInput(
            f"{where}: inputs.{entry.name}.date",
            f"{entry.date} lies in the future",
            'the date of the value; evidence = "assumed" for a value that is foreseen or agreed',
        )


def _text(path: Path) -> str:
    remedy = "a scenario is a TOML file of a page or two"
    if path.is_dir():
        remedy = "name the .toml file in it"
    elif not path.exists():
        remedy = f"built in: {', '.join(names())}"
    return read_text(path, MAX_BYTES, remedy=remedy)


# ---------------------------------------------------------------- reading


def parse(text: str, where: str, folder: Path | None = None) -> Scenario:
    """The scenario of a text.

    where   file or name of the text, for messages
    folder  of the file, in which an included file is looked up; None: of a built-in scenario

    Raises BadInput; formulas are checked when the scenario is projected.
    """
    table = load(text, where)
    if table.get("schema") != SCHEMA:
        problem = f"is {table['schema']!r}" if "schema" in table else "is missing"
        raise BadInput(f"{where}: schema", problem, f'schema = "{SCHEMA}"')
    raw = convert(table, _File, where, ": ")
    doubts = [_doubt(entry, f"{where}: doubts[{i}]") for i, entry in enumerate(raw.doubts, 1)]
    currencies.check(raw.currency, f"{where}: currency")
    site = _included(raw, where, folder)
    currency = raw.currency or site.currency
    inputs, listed_prices = _inputs(raw, site, currency, where)
    if raw.model == "fleet":
        inputs = tuple(map(described, inputs))
    if listed_prices:
        doubts.append(ScenarioDoubt(doubt=_dated(listed_prices)))
    scenario = Scenario(
        name=raw.name,
        title=raw.title,
        about=raw.about,
        mode=raw.mode,
        model=raw.model,
        boundary=raw.boundary,
        currency=currency,
        inputs=inputs,
        unknowns=tuple(
            scenario_unknown(name, entry, f"{where}: unknowns.{name}")
            for name, entry in raw.unknowns.items()
        ),
        applications=tuple(raw.applications),
        lines=tuple(_line(entry, i, where) for i, entry in enumerate(raw.lines, 1)),
        claims=tuple(_claim(entry, i, where) for i, entry in enumerate(raw.claims, 1)),
        results=convert(raw.results, Results, f"{where}: results"),
        mix={
            name: convert(share, Positive, f"{where}: mix.{name}")
            for name, share in raw.mix.items()
        },
        doubts=tuple(doubts),
    )
    check(scenario, where)
    return scenario


def _included(raw: _File, where: str, folder: Path | None) -> Site:
    """The site of `include`. Raises BadInput."""
    if raw.include is None:
        return Site()
    key = f"{where}: include"
    if folder is None:
        raise BadInput(key, "stands in a scenario without a folder", "copy it into a file")
    path = folder / raw.include
    site = read_site(path)
    if None not in (raw.currency, site.currency) and raw.currency != site.currency:
        raise BadInput(
            f"{where}: currency",
            f"is {raw.currency!r}, and that of {path} is {site.currency!r}",
            "one currency; it need stand in one of the two files only",
        )
    for name in raw.inputs:
        if any(name == entry.name for entry in site.inputs):
            raise BadInput(
                f"{where}: inputs.{name}", f"stands in {path} too", "leave one of them out"
            )
    return site


def _inputs(
    raw: _File, site: Site, currency: str | None, where: str
) -> tuple[tuple[ScenarioInput, ...], list[str]]:
    """The inputs, those of the site first, and the listed prices among them: name and date of each
    price, once.
    """
    inputs, listed_prices = list(site.inputs), dict.fromkeys(site.listed_prices)
    for name, entry in raw.inputs.items():
        converted, price = scenario_input(name, entry, currency, f"{where}: inputs.{name}")
        inputs.append(converted)
        if price is not None:
            listed_prices.setdefault(price)
    return tuple(inputs), list(listed_prices)


def _doubt(entry: Any, where: str) -> ScenarioDoubt:
    stated, until_measured = entry, []
    if isinstance(entry, dict):
        stated = {key: value for key, value in entry.items() if key != "until_measured"}
        until_measured = entry.get("until_measured", [])
    return ScenarioDoubt(
        doubt=convert(stated, Doubt, where),
        until_measured=convert(until_measured, tuple[str, ...], f"{where}.until_measured"),
    )


def _dated(listed_prices: list[str]) -> Doubt:
    return Doubt(
        code="dated-prices",
        message=(
            "list prices of a day that has passed, none of them current: "
            f"{'; '.join(listed_prices)}"
        ),
        remedy="state the price that you pay, as value with unit and source",
    )


def _line(entry: Any, i: int, where: str) -> Step:
    key = _entry_key(entry, "lines", i, where)
    step = convert(entry, Step, key)
    check_name(step.name, key)
    return step


def _claim(entry: Any, i: int, where: str) -> PublishedClaim:
    return convert(entry, PublishedClaim, _entry_key(entry, "claims", i, where))


def _entry_key(entry: Any, table: str, i: int, where: str) -> str:
    """'FILE: lines.NAME', or 'FILE: lines[3]' for an entry without a name."""
    name = entry.get("name") if isinstance(entry, dict) else None
    named = isinstance(name, str) and name
    return f"{where}: {table}.{name}" if named else f"{where}: {table}[{i}]"
