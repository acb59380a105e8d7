"""Publication files (TOML, schema energybench-publication/1): who publishes, when, which baseline
and why. Read strictly: a mistake is one line with file and key. docs/reports.md lists every key.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, Literal

from energybench.errors import BadInput
from energybench.foreign_text import MOST_SHOWN
from energybench.model import Logo, NonNegative, Noun, Paper, Publication, Unmetered
from energybench.regular_file import read_text
from energybench.store.logo import check_logo, read_logo
from energybench.toml_tables import convert, first_day, load

SCHEMA = "energybench-publication/1"
MOST_BYTES = 200_000
MOST_FOOTNOTES = 50
MOST_PROVISIONED = 1000
MOST_UNMETERED = 50

_DATES = ("tested", "hardware_available", "software_available")
_DATE_REMEDY = 'a date as "2026-11-29", "2026-11" or "2026", or two with " to " between them'


class _File(Noun, frozen=True, kw_only=True):
    """The keys of a file. All but the schema may be left out. Dates are dates of TOML, or text."""

    schema: Literal["energybench-publication/1"]
    title: str = ""
    publisher: str = ""
    sponsor: str = ""
    tester: str = ""
    tested: Any = ""
    hardware_available: Any = ""
    software_available: Any = ""
    contact: str = ""
    licence: str = ""
    baseline: str = ""
    why_baseline: str = ""
    tuned: str = ""
    tuned_candidate: str = ""
    parameters: str = ""
    nodes_chosen: str = ""
    extrapolation: str = ""
    meter: str = ""
    room_temperature: str = ""
    service_level: str = ""
    unmetered: tuple[Unmetered, ...] = ()
    provisioned_w: dict[str, NonNegative] = {}
    logo: str = ""
    footnotes: tuple[str, ...] = ()
    paper: Paper = "a4"


def read_publication(path: Path) -> Publication:
    """The publication of a file; a logo is looked up beside the file. Raises BadInput."""
    where = str(path)
    remedy = f'a publication is a TOML file that begins with schema = "{SCHEMA}"'
    table = load(read_text(path, MOST_BYTES, remedy=remedy), where)
    if table.get("schema") != SCHEMA:
        problem = f"is {table['schema']!r}" if "schema" in table else "is missing"
        raise BadInput(f"{where}: schema", problem, f'schema = "{SCHEMA}"')
    raw = convert(table, _File, where, ": ")
    stated = {name: getattr(raw, name) for name in _File.__struct_fields__}
    del stated["schema"]
    logo: Logo | None = None
    if raw.logo.strip():
        logo = read_logo(path.parent / raw.logo, f"{where}: logo")
    for name in _DATES:
        stated[name] = _date_text(stated[name], f"{where}: {name}")
    publication = Publication(**{**stated, "logo": logo})
    check_publication(publication, where)
    return publication


def check_publication(publication: Publication, where: str) -> None:
    """Check dates, lengths and logo, also of a publication in a document that came from elsewhere.

    Raises BadInput with the key.
    """
    for name in Publication.__struct_fields__:
        value = getattr(publication, name)
        if isinstance(value, str):
            _check_length(value, f"{where}: {name}")
    for name in _DATES:
        _date_text(getattr(publication, name), f"{where}: {name}")
    _check_number(len(publication.footnotes), MOST_FOOTNOTES, "footnote", f"{where}: footnotes")
    _check_provisioned(publication, f"{where}: provisioned_w")
    _check_unmetered(publication, f"{where}: unmetered")
    for number, footnote in enumerate(publication.footnotes, 1):
        _check_length(footnote, f"{where}: footnotes[{number}]")
    if publication.logo is not None:
        check_logo(publication.logo, f"{where}: logo")


def _check_number(number: int, most: int, noun: str, where: str) -> None:
    if number > most:
        raise BadInput(where, f"has {number} {noun}s", f"at most {most}")


def _check_provisioned(publication: Publication, where: str) -> None:
    _check_number(len(publication.provisioned_w), MOST_PROVISIONED, "label", where)
    for label, power_w in publication.provisioned_w.items():
        if not 0 < power_w < inf:
            raise BadInput(
                f"{where}: {label}",
                f"{power_w:g} W is not the power of a node",
                "a number above 0; leave the label out if the power is not known",
            )


def _check_unmetered(publication: Publication, where: str) -> None:
    """Each part needs its formula and its source: without them nobody can check the figure."""
    _check_number(len(publication.unmetered), MOST_UNMETERED, "part", where)
    for number, entry in enumerate(publication.unmetered, 1):
        place = f"{where}[{number}]"
        for key in ("part", "formula", "source"):
            text = getattr(entry, key)
            _check_length(text, f"{place}: {key}")
            if not text.strip():
                raise BadInput(
                    f"{place}: {key}",
                    "is missing",
                    "the part, the formula of its power, and the maker's sheet behind the formula",
                )
        if not 0 < entry.most_w < inf:
            raise BadInput(
                f"{place}: most_w",
                f"{entry.most_w:g} W is not the power of a part",
                "the maximum specified power, a number above 0",
            )


def check_tested(publication: Publication, created_utc: str, where: str) -> None:
    """Raise BadInput if a test is dated after its report.

    created_utc  of the report; a day more is left for dates of other time zones
    """
    tested = publication.tested.split(" to ")[-1]
    day = first_day(tested)
    if day is None or day <= date.fromisoformat(created_utc[:10]) + timedelta(days=1):
        return
    raise BadInput(
        f"{where}: tested",
        f"{tested} lies after the date of the report, {created_utc[:10]}",
        "the day of the measurements",
    )


def _check_length(text: str, where: str) -> None:
    """Raise BadInput for a text of which a report would show the beginning alone."""
    if len(text) > MOST_SHOWN:
        raise BadInput(where, f"has {len(text)} characters", f"at most {MOST_SHOWN}")


# ---------------------------------------------------------------- dates


def _date_text(stated: Any, where: str) -> str:
    """A date, a range of dates, or "". Raises BadInput."""
    if isinstance(stated, datetime):
        raise BadInput(where, "is a moment, not a date", _DATE_REMEDY)
    if isinstance(stated, date):
        return stated.isoformat()
    if not isinstance(stated, str):
        raise BadInput(where, "is neither a date nor text", _DATE_REMEDY)
    text = " ".join(stated.split())
    ends = text.split(" to ") if text else []
    firsts = [first_day(end) for end in ends]
    if len(ends) > 2 or None in firsts:
        raise BadInput(where, f"{text!r} is not a date", _DATE_REMEDY)
    days = [day for day in firsts if day is not None]
    if days != sorted(days):
        raise BadInput(where, f"{text!r} ends before it begins", _DATE_REMEDY)
    return text
