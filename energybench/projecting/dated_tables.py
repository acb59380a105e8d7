"""Dated tables behind the values of scenarios: prices.csv, equivalences.toml and the carbon
intensities in the package codecarbon.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.units import lb_per_mwh_to_g_per_kwh

_CARBON = Path("data") / "private_infra"
_STATES = "U.S. EPA eGRID, output emission rate"


class TableRow(NamedTuple):
    """A value from a table. `date`: the day or year that the value describes; no row is current."""

    value: float
    unit: str
    source: str
    date: str


def price(sku: str, where: str) -> TableRow:
    """Price of an instance per hour, USD. Raises BadInput with the names in the table."""
    table = _prices()
    if sku not in table:
        raise BadInput(
            where,
            f"{sku!r} is not in data/prices.csv",
            _suggestion(sku, table) + "; or state value, unit and source",
        )
    return table[sku]


def equivalence(name: str, where: str) -> TableRow:
    """A row of data/equivalences.toml. Raises BadInput with the names in the table."""
    table = _equivalences()
    if name not in table:
        raise BadInput(
            where, f"{name!r} is not in data/equivalences.toml", _suggestion(name, table)
        )
    return table[name]


def carbon(region: str, where: str) -> TableRow:
    """Grid carbon intensity, g CO2e/kWh: a country by name or ISO code (USA), a U.S. state by name
    or code (US-CA), or world.

    Location-based annual means, every row with a year of its own. Raises BadInput if the region is
    unknown or is the name of two places.
    """
    table = _intensities(where)
    rows = dict.fromkeys(row for key, row in table if key == region.strip().casefold())
    if len(rows) > 1:
        raise BadInput(where, f"{region!r} is a country and a U.S. state", "a code: GEO, or US-GA")
    if not rows:
        raise BadInput(
            where,
            f"no carbon intensity of {region!r} is known",
            _suggestion(region.casefold(), [key for key, _ in table])
            + "; or state value and source",
        )
    return next(iter(rows))


def _suggestion(name: str, choices: Iterable[str]) -> str:
    names = list(choices)
    close = difflib.get_close_matches(name, names, 5, 0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"have {', '.join(names[:12])}" + (", …" if len(names) > 12 else "")


@cache
def _prices() -> dict[str, TableRow]:
    text = files("energybench.data").joinpath("prices.csv").read_text("utf-8")
    return {
        row["sku"]: TableRow(
            float(row["usd_per_h"]),
            "USD/h",
            f"{row['provider']} {row['sku']}, region {row['region']}: {row['source']}",
            row["date"],
        )
        for row in csv.DictReader(io.StringIO(text))
    }


@cache
def _equivalences() -> dict[str, TableRow]:
    table = tomllib.loads(
        files("energybench.data").joinpath("equivalences.toml").read_text("utf-8")
    )
    return {
        name: TableRow(float(row["value"]), row["unit"], row["source"], str(row["year"]))
        for name, row in table.items()
    }


@cache
def _intensities(where: str) -> tuple[tuple[str, TableRow], ...]:
    """(name or code in lower case, row), codes first. The files of codecarbon are read without
    importing codecarbon: the import would initialise NVML.
    """
    spec = find_spec("codecarbon")
    if spec is None or spec.origin is None:
        raise BadInput(
            where,
            "needs the carbon intensities that ship with codecarbon, which is not installed",
            "pip install codecarbon; or state value and source",
        )
    folder = Path(spec.origin).parent / _CARBON
    try:
        rows = [*_countries(folder), *_world(folder), *_states(folder)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            where,
            f"the carbon intensities of codecarbon {_version()} cannot be read: {error!r}",
            "state value and source instead",
        ) from None
    return tuple((key.casefold(), row) for key, row in rows)


@cache
def _version() -> str:
    try:
        return version("codecarbon")
    except PackageNotFoundError:
        return "of unknown version"


def _load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _row(value: Any, file: str, region: str, year: Any) -> TableRow:
    """Raises ValueError if the value in the file is not an intensity."""
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{region} is {value!r}")
    source = f"{region}, {year}, location-based: codecarbon {_version()}, {file}"
    return TableRow(number, "g/kWh", source, str(year))


def _countries(folder: Path) -> Iterable[tuple[str, TableRow]]:
    file = "global_energy_mix.json"
    for code, entry in _load(folder / file).items():
        row = _row(
            entry["carbon_intensity"], file, f"grid of {entry['country_name']}", entry["year"]
        )
        yield from ((code, row), (entry["country_name"], row))


def _world(folder: Path) -> Iterable[tuple[str, TableRow]]:
    file = "carbon_intensity_per_source.json"
    table = _load(folder / file)
    if "g" not in table["unit"] or "kWh" not in table["unit"]:
        raise ValueError(f"unit {table['unit']!r}")
    yield (
        "world",
        _row(
            table["world_average"],
            file,
            "world mean (IEA Global Energy and CO2 Status Report 2019)",
            "2018",
        ),
    )


def _states(folder: Path) -> Iterable[tuple[str, TableRow]]:
    """The newest year in the package, in lb/MWh."""
    paths = sorted(folder.glob("*/usa_emissions.json"))
    if not paths:
        return
    file = "/".join(paths[-1].parts[-2:])
    table = _load(paths[-1])
    if "lb" not in table["_unit"]["emissions"] or "MWh" not in table["_unit"]["emissions"]:
        raise ValueError(f"unit {table['_unit']!r}")
    year = table.get("_source", {}).get("year", paths[-1].parent.name)
    for name, entry in table.items():
        # the file also lists "usa", which has a row among the countries
        if name.startswith("_") or len(entry["regionCode"]) != 2:
            continue
        intensity = lb_per_mwh_to_g_per_kwh(entry["emissions"])
        row = _row(intensity, file, f"{name.title()} ({_STATES})", year)
        yield from ((name, row), (f"US-{entry['regionCode']}", row))
