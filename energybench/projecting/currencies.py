"""Currencies and carbon in the units of a scenario: 'USD/kWh' is a price in USD, 'g/kWh' a carbon
intensity. Codes: data/currencies.toml (ISO 4217).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from energybench.errors import BadInput

_WORD = re.compile(r"US\$|[^\W\d_]+|[$€£¥]")
_CARBON = re.compile(r"(g|kg|t|lb)( ?CO2e?)?/[kMGT]?(Wh|J)")
_COMMON = ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR")
# hundredths and multiples of a currency: a price in them would not be known as one
_PARTS = frozenset(
    (
        *("cent", "cents", "ct", "cts", "pence", "penny", "rappen", "centime", "centimes"),
        *(f"{prefix}{code}".casefold() for prefix in "kM" for code in _COMMON),
    )
)
# signs and words that people write in place of a code
_MISTAKEN = {
    **{"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "us$": "USD"},
    **{"dollar": "USD", "dollars": "USD", "euro": "EUR", "euros": "EUR", "pound": "GBP"},
    **{"pounds": "GBP", "yen": "JPY"},
    # other codes in small letters could be words: "all", "top", "try"
    **{code.casefold(): code for code in _COMMON},
}


@cache
def names() -> Mapping[str, str]:
    """Code → name of each currency."""
    text = files("energybench.data").joinpath("currencies.toml").read_text("utf-8")
    table: dict[str, str] = tomllib.loads(text)["currencies"]
    return table


def check(currency: str | None, where: str) -> None:
    """Raises BadInput if a currency is not a code of ISO 4217."""
    if currency is None or currency in names():
        return
    raise BadInput(where, f"{currency!r} is not a currency code of ISO 4217", _suggestion(currency))


def _suggestion(text: str) -> str:
    code = _MISTAKEN.get(text.strip().casefold()) or text.strip().upper()
    if code not in names():
        by_name = {name.casefold(): code for code, name in names().items()}
        close = difflib.get_close_matches(text.strip().casefold(), by_name, 1, 0.8)
        near = [one for one in _COMMON if len(code) > 1 and one.startswith(code)]
        near += difflib.get_close_matches(code, names(), 1, 0.6)
        code = by_name[close[0]] if close else near[0] if near else ""
    return f'did you mean "{code}"?' if code else 'three capital letters such as "EUR"'


def of_unit(unit: str) -> tuple[str, ...]:
    """The currencies in a unit: ('USD',) of 'USD/kWh'."""
    return tuple(word for word in _WORD.findall(unit) if word in names())


def check_unit(unit: str, currency: str | None, where: str) -> None:
    """Raises BadInput if a unit has a currency other than `currency` (None: not stated), a sign or
    word in place of a code, or a part of a currency.
    """
    for word in _WORD.findall(unit):
        if word not in names() and (code := _MISTAKEN.get(word.casefold())):
            remedy = unit.replace(word, code, 1)
            raise BadInput(
                where, f"{unit!r} has {word!r} in place of a currency code", f'"{remedy}"'
            )
        if word.casefold() in _PARTS:
            remedy = unit.replace(word, currency or "USD", 1)
            raise BadInput(
                where,
                f"{unit!r} has {word!r}, a part or a multiple of a currency",
                f'convert the value to "{remedy}"',
            )
    others = [code for code in of_unit(unit) if currency is not None and code != currency]
    if others:
        raise BadInput(
            where,
            f"is {unit!r}, and the scenario's currency is {currency}",
            f"convert the value to {currency}, and name the exchange rate and its date in the "
            "source",
        )


def is_money(unit: str) -> bool:
    return bool(of_unit(unit))


def is_carbon(unit: str) -> bool:
    """Whether a unit is that of a carbon intensity, or a mass of CO2e."""
    return is_intensity(unit) or "CO2" in unit


def is_intensity(unit: str) -> bool:
    return bool(_CARBON.fullmatch(unit.strip()))
