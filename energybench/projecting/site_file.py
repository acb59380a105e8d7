"""Files of site facts (TOML, schema energybench-site/1), which scenarios include: PUE, tariff,
carbon, uncovered watts, charge factors. Every fact has a date, for none of them holds for ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from energybench.errors import BadInput
from energybench.model import Noun
from energybench.projecting import currencies
from energybench.projecting.scenario import ScenarioInput
from energybench.projecting.scenario_inputs import scenario_input
from energybench.regular_file import read_text
from energybench.toml_tables import convert, load

MAX_BYTES = 1_000_000
SCHEMA = "energybench-site/1"
_LOOKED_UP = ("sku", "carbon", "equivalence")  # rows of dated tables bring their date


class Site(NamedTuple):
    """The facts of a site. listed_prices: name and date of each price from the dated tables."""

    inputs: tuple[ScenarioInput, ...] = ()
    listed_prices: tuple[str, ...] = ()
    currency: str | None = None


class _File(Noun, frozen=True, kw_only=True):
    schema: str
    name: str
    about: str = ""
    currency: str | None = None
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)


def read_site(path: Path) -> Site:
    """The facts of a file. Raises BadInput."""
    where = str(path)
    table = load(read_text(path, MAX_BYTES, remedy="a file of site facts"), where)
    if table.get("schema") != SCHEMA:
        problem = f"is {table['schema']!r}" if "schema" in table else "is missing"
        raise BadInput(f"{where}: schema", problem, f'schema = "{SCHEMA}"')
    raw = convert(table, _File, where, ": ")
    currencies.check(raw.currency, f"{where}: currency")
    inputs, prices = list[ScenarioInput](), dict[str, None]()
    for name, entry in raw.inputs.items():
        key = f"{where}: inputs.{name}"
        _check(entry, key)
        converted, price = scenario_input(name, entry, raw.currency, key)
        currencies.check_unit(converted.unit, raw.currency, f"{key}.unit")
        inputs.append(msgspec.structs.replace(converted, of_site=True))
        if price is not None:
            prices.setdefault(price)
    return Site(tuple(inputs), tuple(prices), raw.currency)


def _check(entry: Any, key: str) -> None:
    """Raises BadInput for a fact without a date, and for a fact that a comparison would replace."""
    if not isinstance(entry, dict):
        return  # `scenario_input` will say so
    if "measured" in entry:
        raise BadInput(f"{key}.measured", "stands in a file of site facts", "the scenario has it")
    if "date" not in entry and not any(way in entry for way in _LOOKED_UP):
        raise BadInput(f"{key}.date", "is missing", 'date = "2026-11-01": when it was read')
