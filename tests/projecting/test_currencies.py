"""Prices and carbon have dates, and a scenario has one currency of ISO 4217."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.projecting import currencies
from energybench.projecting.scenario_files import names, parse, read

HEAD = 'schema = "energybench-scenario/1"\nname = "n"\ntitle = "T"\nabout = "A"\n'


def entry(unit: str, more: str = 'date = "2026-11"\n', name: str = "x") -> str:
    return f'[inputs.{name}]\nvalue = 2\nunit = "{unit}"\nsource = "s"\n{more}'


def refusal(text: str) -> str:
    with pytest.raises(BadInput) as refused:
        parse(text, "f.toml")
    assert "\n" not in str(refused.value)
    return str(refused.value)


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "unit",
    [
        *("USD/h", "EUR/kWh", "EUR/MWh", "CHF", "USD/node", "EUR/kg CO2e"),
        *("g/kWh", "kg/MWh", "gCO2e/kWh", "g CO2/kWh", "t CO2e", "kg CO2e", "lb/MWh", "g/MJ"),
    ],
)
def test_a_price_or_carbon_without_a_date_is_refused(unit: str) -> None:
    """In one line with the key and the remedy, whatever the name of the input."""
    message = refusal(HEAD + entry(unit, ""))
    assert message.startswith("f.toml: inputs.x.date: is missing")
    assert 'date = "2026-11"' in message
    assert parse(HEAD + entry(unit), "f.toml").inputs[0].date == "2026-11"


@pytest.mark.parametrize("unit", ["", "W", "nodes", "kWh", "h", "years", "MWh/month", "GPUs/node"])
def test_other_inputs_need_no_date(unit: str) -> None:
    assert parse(HEAD + entry(unit, ""), "f.toml").inputs[0].date == ""


def test_a_row_of_a_dated_table_brings_its_date() -> None:
    scenario = parse(
        HEAD + 'currency = "USD"\n[inputs.p]\nsku = "HB120rs_v3"\n[inputs.c]\ncarbon = "FRA"\n',
        "f.toml",
    )
    assert all(one.date for one in scenario.inputs)


# ---------------------------------------------------------------- currencies


@pytest.mark.parametrize("code", ["USD", "EUR", "GBP", "CHF", "JPY", "XOF"])
def test_codes(code: str) -> None:
    assert parse(f'{HEAD}currency = "{code}"\n', "f.toml").currency == code


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("usd", "USD"),
        ("$", "USD"),
        ("€", "EUR"),
        ("Euro", "EUR"),
        ("US dollar", "USD"),
        ("EURO", "EUR"),
        ("US", "USD"),
        ("BTC", ""),
        ("XXX", ""),
        ("XTS", ""),
        ("XAU", ""),
        ("", ""),
        ("DEM", ""),
    ],
)
def test_a_text_that_is_no_code(text: str, suggestion: str) -> None:
    """Withdrawn currencies, metals and codes for tests are none."""
    message = refusal(f'{HEAD}currency = "{text}"\n')
    assert message.startswith(f"f.toml: currency: {text!r} is not a currency code of ISO 4217 (")
    if suggestion:
        assert f'did you mean "{suggestion}"?' in message


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        (entry("EUR/kWh"), "inputs.x.unit"),
        (entry("kWh/EUR"), "inputs.x.unit"),
        ('[[lines]]\nname = "y"\nformula = "2"\nunit = "EUR"\n', "lines.y.unit"),
        ('[[claims]]\nname = "c"\nclaimed = 4\nunit = "EUR"\n', "claims.c.unit"),
        (
            '[unknowns.u]\nlabel = "u"\nlow = 1\nhigh = 2\nunit = "EUR/h"\nsource = "s"\n',
            "unknowns.u.unit",
        ),
    ],
)
def test_two_currencies_are_refused(tables: str, key: str) -> None:
    message = refusal(f'{HEAD}currency = "USD"\n{tables}')
    assert message.startswith(f"f.toml: {key}: ")
    assert "EUR" in message
    assert "USD" in message


def test_two_currencies_without_that_of_the_scenario() -> None:
    assert "the scenario's currency is USD" in refusal(
        HEAD + entry("USD/h") + entry("EUR/h", name="z")
    )


@pytest.mark.parametrize(
    ("unit", "better"), [("$/h", "USD/h"), ("US$/h", "USD/h"), ("€/kWh", "EUR/kWh")]
)
def test_signs_are_no_codes(unit: str, better: str) -> None:
    assert f'"{better}"' in refusal(HEAD + entry(unit))


@pytest.mark.parametrize("unit", ["eur/kWh", "Euro/kWh", "usd/h"])
def test_codes_are_capital_letters(unit: str) -> None:
    assert "in place of a currency code" in refusal(HEAD + entry(unit))


@pytest.mark.parametrize("unit", ["ct/kWh", "cents/kWh", "kEUR", "MUSD/a", "kusd/MWh"])
def test_parts_and_multiples_of_a_currency_are_converted(unit: str) -> None:
    """Such a price would not be known as one, and would need no date."""
    message = refusal(f'{HEAD}currency = "USD"\n{entry(unit)}')
    assert message.startswith(f"f.toml: inputs.x.unit: {unit!r} has ")
    assert 'convert the value to "USD' in message


def test_an_empty_date_is_no_date() -> None:
    assert "inputs.x.date: '' is not a date" in refusal(HEAD + entry("USD/h", 'date = ""\n'))


@pytest.mark.parametrize("unit", ["all", "top/h", "jobs/h", "Tflop/s", "MWh", "solve", "tokens/J"])
def test_words_that_look_like_codes(unit: str) -> None:
    """Three small letters are no currency by accident."""
    assert parse(HEAD + entry(unit), "f.toml").inputs[0].unit == unit


def test_a_site_in_another_currency(tmp_path: Path) -> None:
    """Its currency key and the units of its facts are both looked at."""
    site = 'schema = "energybench-site/1"\nname = "here"\n'
    (tmp_path / "s.toml").write_text(f'{HEAD}include = "site.toml"\ncurrency = "USD"\n')
    for text, words in (
        (f'{site}currency = "EUR"\n', "currency: is 'USD', and that of"),
        (site + entry("EUR/kWh"), "inputs.x.unit: is 'EUR/kWh', and the scenario's currency is"),
        (f'{site}currency = "euros"\n', "'euros' is not a currency code"),
        (f'{site}currency = "USD"\n' + entry("EUR/kWh"), "site.toml: inputs.x.unit: is 'EUR/kWh'"),
    ):
        (tmp_path / "site.toml").write_text(text)
        with pytest.raises(BadInput) as refused:
            read(str(tmp_path / "s.toml"))
        assert words in str(refused.value)


def test_the_list() -> None:
    """157 currencies of list one; three capital letters each."""
    table = currencies.names()
    assert len(table) > 150
    assert all(len(code) == 3 and code.isupper() and name for code, name in table.items())
    assert not {"XXX", "XTS", "XAU", "BGN"} & set(table)


@pytest.mark.parametrize("name", names())
def test_shipped_scenarios(name: str) -> None:
    assert read(name).name == name
