"""Every mistake in a scenario file is one line with place, problem and remedy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.model import Claim, Estimate, Line
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse, read
from energybench.units import WHOLE

GOOD = """
schema = "energybench-scenario/1"
name = "n"
title = "T"
about = "A"
currency = "USD"
[inputs.x]
value = 2
low = 1
high = 4
unit = "W"
source = "s"
[inputs.price]
sku = "m5.24xlarge"
[inputs.grid]
carbon = "FRA"
[[lines]]
name = "y"
formula = "2 * x + price * grid"
unit = "MWh"
[[claims]]
name = "c"
claimed = 3
derived = "y"
unit = "MWh"
[results]
saved_mwh_per_month = "y"
[mix]
"a b" = 1
"""

BAD = [
    ("schema = ", "# ", "f.toml: schema: is missing"),
    ("scenario/1", "scenario/2", "f.toml: schema: is 'energybench-scenario/2' (schema ="),
    ('title = "T"\n', "", "f.toml: lacks the key 'title'"),
    (
        'title = "T"',
        'titel = "T"\ntitle = "T"',
        "f.toml: unknown key 'titel' (did you mean title?)",
    ),
    ('title = "T"', "title = 3", "f.toml: title: expected 'str', got 'int'"),
    (
        'title = "T"',
        'title = "T"\ntitle = "U"',
        "f.toml: is not TOML: cannot overwrite a value (at line 5, column 12)",
    ),
    ('title = "T"', 'title = "T', "f.toml: is not TOML: "),
    ('name = "n"', 'name = "n"\nmode = "fast"', "f.toml: mode: invalid enum value 'fast'"),
    ('name = "n"', 'name = "n"\nmodel = "flet"', "f.toml: model: invalid enum value 'flet'"),
    ("[inputs.x]", "[inputs.x]\n[inputs.x]", "f.toml: is not TOML: "),
    ("value = 2", "value = true", "f.toml: inputs.x.value: expected 'float"),
    ("value = 2", 'value = "2"', "f.toml: inputs.x.value: expected 'float"),
    ("value = 2", "value = nan", "f.toml: inputs.x: value is nan, not a finite number"),
    ("value = 2", "value = inf", "f.toml: inputs.x: value is inf, not a finite number"),
    ("value = 2", "value = 1" + "0" * 400, "f.toml: inputs.x"),
    ("value = 2", "value = 2024-01-01", "f.toml: inputs.x.value: expected 'float"),
    ("value = 2", "valeu = 2", "f.toml: inputs.x: unknown key 'valeu' (did you mean value?)"),
    ("value = 2", "", "f.toml: inputs.x: has no value (exactly one of"),
    ("value = 2", 'value = 2\ncarbon = "FRA"', "f.toml: inputs.x: has value and carbon"),
    ("low = 1", "low = 3", "f.toml: inputs.x.low: 3 lies above the value 2"),
    ("high = 4", "high = 1.5", "f.toml: inputs.x.high: 1.5 lies below the value 2"),
    ('unit = "W"\nsource', "source", "f.toml: inputs.x.unit: is missing"),
    ('source = "s"', "", "f.toml: inputs.x.source: is missing"),
    (
        'source = "s"',
        'source = "s"\nevidence = "guessed"',
        "f.toml: inputs.x.evidence: invalid enum value 'guessed'",
    ),
    (
        'source = "s"',
        'source = "s"\nevidence = "exact"',
        'f.toml: inputs.x.evidence: "exact" is for a constant by definition, which has no range',
    ),
    (
        'source = "s"',
        'source = "s"\nmeasured = "energy"',
        "f.toml: inputs.x.measured: 'energy' is not a quantity of a comparison (one of energy_r",
    ),
    ('source = "s"', 'source = "s"\nmeasured = "speedup"', "f.toml: inputs.x.unit: is 'W'"),
    (
        'source = "s"',
        'source = "s"\namong = ["m5.24xlarge"]',
        "f.toml: inputs.x.among: belongs to a sku",
    ),
    ("[inputs.x]", "[inputs.2x]", "f.toml: inputs.2x: '2x' cannot be a name"),
    ("[inputs.x]", "[inputs.sqrt]", "f.toml: inputs.sqrt: 'sqrt' cannot be a name"),
    ("[inputs.x]", "[inputs]\nq = 3\n[inputs.x]", "f.toml: inputs.q: expected 'object', got 'int'"),
    ("m5.24xlarge", "m5", "f.toml: inputs.price.sku: 'm5' is not in data/prices.csv"),
    (
        'currency = "USD"',
        'currency = "EUR"',
        "f.toml: inputs.price.sku: prices.csv is in USD, the scenario's currency is EUR",
    ),
    (
        'sku = "m5.24xlarge"',
        'sku = "m5.24xlarge"\nunit = "USD"',
        "f.toml: inputs.price.unit: does not go with sku",
    ),
    (
        'sku = "m5.24xlarge"',
        'sku = "m5.24xlarge"\nlow = 9',
        "f.toml: inputs.price.low: 9 lies above the value 4.608",
    ),
    ('"FRA"', '"Narnia"', "f.toml: inputs.grid.carbon: no carbon intensity of 'Narnia' is known"),
    ("formula", "formul", "f.toml: lines.y: unknown key 'formul' (did you mean formula?)"),
    ('formula = "2 * x + price * grid"\n', "", "f.toml: lines.y: lacks the key 'formula'"),
    ('name = "y"', "", "f.toml: lines[1]: lacks the key 'name'"),
    ('name = "y"', 'name = "a y"', "f.toml: lines.a y: 'a y' cannot be a name"),
    ("[[lines]]", "[lines]", "f.toml: lines: expected 'array', got 'object'"),
    ("2 * x", "2 * z", "f.toml: lines.y: refers to z, which is neither an input nor a line"),
    ("2 * x", "2 ^ x", "f.toml: lines.y: holds '^' (write **)"),
    ("claimed = 3", "claimed = nan", "f.toml: claims.c: claimed is nan"),
    (
        "claimed = 3",
        "claimed = 3\ntolerance = -1",
        "f.toml: claims.c.tolerance: expected 'float' >= 0",
    ),
    ('derived = "y"', 'derived = "q"', "f.toml: claims.c.derived: refers to q"),
    (
        'month = "y"',
        'month = "q"',
        "f.toml: results.saved_mwh_per_month: names q, which is not a line",
    ),
    (
        "saved_mwh_per_month",
        "saved_mwh",
        "f.toml: results: unknown key 'saved_mwh' (did you mean saved_mwh_per_month?)",
    ),
    ('"a b" = 1', '"a b" = 0', "f.toml: mix.a b: expected 'float' > 0"),
    ('"a b" = 1', '"a b" = "1"', "f.toml: mix.a b: expected 'float', got 'str'"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[entry[2][8:60] for entry in BAD])
def test_bad_file(old: str, new: str, message: str) -> None:
    """A mistake is one line with file, key, problem and, if possible, the remedy."""
    assert old in GOOD
    with pytest.raises(BadInput) as caught:
        project(parse(GOOD.replace(old, new, 1), "f.toml"), (), "f.toml")
    text = str(caught.value)
    assert text.startswith(message), text
    assert "\n" not in text
    assert len(text) < 500


def test_good_file() -> None:
    """The file without the mistakes is accepted."""
    projection = project(parse(GOOD, "f.toml"), (), "f.toml")
    assert isinstance(projection.lines[0], Line)
    assert isinstance(projection.claims[0], Claim)
    assert isinstance(projection.saved_mwh_per_month, Estimate)


def test_no_such_scenario(tmp_path: Path) -> None:
    """Unknown names and paths, folders, and files that are not text."""
    binary, folder, large = tmp_path / "b.toml", tmp_path / "d.toml", tmp_path / "l.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    folder.mkdir()
    large.write_text("# " + "x" * 1_000_001)
    for name, message in (
        ("nersc-2024", "no such scenario (did you mean nersc-2023? have ai-inference-2023"),
        (str(tmp_path / "no.toml"), "no such file"),
        (str(binary), "is not text (UTF-8)"),
        (str(folder), "is a folder"),
        (str(large), "is larger than 1 MB"),
        ("a\x00b.toml", "cannot be read"),
    ):
        with pytest.raises(BadInput) as caught:
            read(name)
        assert message in str(caught.value)


def test_deep_nesting() -> None:
    """A hostile file is refused, and does not exhaust the recursion."""
    with pytest.raises(BadInput, match=r"f\.toml: "):
        parse("a = " + "[" * 100_000, "f.toml")


RANGES = """
schema = "energybench-scenario/1"
name = "n"
title = "T"
about = "A"
currency = "USD"
[inputs.power_w]
value = 428
low = 373
high = 483
unit = "W"
source = "s"
[inputs.hours]
value = 730
unit = "h"
source = "s"
[inputs.upward]
value = 2
high = 3
unit = ""
source = "s"
[inputs.price]
sku = "c6i.32xlarge"
among = ["m5.24xlarge", "m6i.32xlarge"]
[[lines]]
name = "energy_wh"
formula = "power_w * hours * upward * price"
unit = "Wh"
"""


def test_a_stated_range_travels_with_its_input() -> None:
    """Low and high of a scenario reach the projection as stated, beside the 95 % interval of the
    rectangle that the arithmetic draws from.
    """
    projection = project(parse(RANGES, "f.toml"), (), "f.toml")
    inputs = {entry.name: entry for entry in projection.lines[0].inputs}
    assert inputs["power_w"].stated == (373, 483)
    assert inputs["power_w"].value.low == pytest.approx(428 - 0.95 * 55)
    assert inputs["hours"].stated is None
    assert inputs["upward"].stated == (2, 3)
    assert inputs["price"].stated == (4.608, 6.144)


FLEET = """
schema = "energybench-scenario/1"
name = "n"
title = "T"
about = "A"
model = "fleet"
boundary = "node-ac"
[inputs]
nodes_baseline = {value = 100, unit = "nodes", source = "s"}
speedup = {value = 9, unit = "", source = "s"}
power_baseline_w = {value = 500, unit = "W", source = "s"}
power_candidate_w = {value = 1500, unit = "W", source = "s"}
utilisation_baseline = {value = 1, unit = "", source = "s"}
utilisation_candidate = {value = 1, unit = "", source = "s"}
[[lines]]
name = "twice"
formula = "2 * saved_energy_mwh"
unit = "MWh"
note = "of {saved_energy_mwh} and {speedup}"
[[claims]]
name = "c"
claimed = 9
derived = "speedup"
why_fits = "with {nodes_candidate}, {twice}"
"""


def test_texts_of_a_fleet_quote_the_lines_of_the_model() -> None:
    result = project(parse(FLEET, "f.toml"), (), "f.toml")
    twice = next(line for line in result.lines if line.name == "twice")
    assert twice.note == "of 23.4 MWh and 9"
    assert result.claims[0].why == "with 12 nodes, 46.7 MWh"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("of {saved", "of {savd", "f.toml: lines.twice.note: quotes {savd_energy_mwh}"),
        ("and {speedup}", "and {sped}", "f.toml: lines.twice.note: quotes {sped}"),
        ("{nodes_candidate}", "{node_candidate}", "f.toml: claims.c.why_fits: quotes {node_can"),
        ('name = "twice"', 'name = "two"', "f.toml: claims.c.why_fits: quotes {twice}"),
        ('unit = "MWh"', 'unit = "MWh"\nlabel = "{no}"', "f.toml: lines.twice.label: quotes {no}"),
    ],
)
def test_a_misspelt_name_in_a_text_of_a_fleet(old: str, new: str, message: str) -> None:
    """The model brings lines of its own; other names are refused as in any scenario."""
    assert old in FLEET
    with pytest.raises(BadInput) as caught:
        project(parse(FLEET.replace(old, new, 1), "f.toml"), (), "f.toml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("unit", sorted(WHOLE))
@pytest.mark.parametrize("stated", ["value = 2.5", "value = 3\nlow = 2.5", "value = -1"])
def test_whole_things_are_stated_as_wholes(unit: str, stated: str) -> None:
    """2.5 nodes, boards or servers are a mistake, at the value and at the ends of its range."""
    table = f'[inputs.n]\n{stated}\nunit = "{unit}"\nsource = "s"\n'
    line = '[[lines]]\nname = "l"\nformula = "2 * n"\n'
    head = FLEET.partition("model")[0]
    with pytest.raises(BadInput, match=rf"inputs.n: .* {unit} is not a number of whole {unit}"):
        parse(head + table + line, "f.toml")
    parse(head + table.replace("2.5", "2").replace("-1", "1") + line, "f.toml")


def test_the_nodes_of_a_fleet_are_whole() -> None:
    with pytest.raises(BadInput, match=r"nodes_baseline: 2.5 nodes is not a number of whole nodes"):
        parse(FLEET.replace("value = 100", "value = 2.5"), "f.toml")


@pytest.mark.parametrize("stated", ["2026-11-30", "2026-12", "2027", "2026-11-29"])
def test_a_value_of_a_later_day_was_not_read(tmp_path: Path, stated: str) -> None:
    """A price, tariff or carbon figure of the future is refused, unless it is stated as assumed; so
    is a fact of a site. The clock counts for files that a person gives, and not for a projection
    that is made again.
    """
    table = 'price = {value = 0.1, unit = "EUR/kWh", source = "s", date = "DATE"MORE}\n'
    line = '[[lines]]\nname = "p"\nformula = "price"\n[[claims]]'
    scenario = FLEET.replace("[[claims]]", line).replace(
        "utilisation_candidate", table + "utilisation_candidate"
    )
    scenario = scenario.replace("DATE", stated)
    today = date(2026, 11, 29)
    path = tmp_path / "f.toml"
    path.write_text(scenario.replace("MORE", ""))
    parse(path.read_text(), "f.toml")
    if stated <= "2026-11-30":
        read(str(path), today)
    else:
        with pytest.raises(BadInput, match=f"inputs.price.date: {stated} lies in the future"):
            read(str(path), today)
    read(str(path))
    path.write_text(scenario.replace("MORE", ', evidence = "assumed"'))
    read(str(path), today)
    # the fact of a site
    head = 'schema = "energybench-site/1"\nname = "s"\ncurrency = "EUR"\n[inputs]\n'
    fact = table.replace("DATE", stated).replace("MORE", "")
    (tmp_path / "site.toml").write_text(head + fact)
    included = scenario.replace(table.replace("DATE", stated), "")
    path.write_text(included.replace("[inputs]", 'include = "site.toml"\n[inputs]'))
    if stated > "2026-11-30":
        with pytest.raises(BadInput, match=f"inputs.price.date: {stated} lies in the future"):
            read(str(path), today)


@pytest.mark.parametrize("stated", ["2026-W01-1", "20261101", "2026-1", "2026-11-1", "२०२६", ""])
def test_a_date_is_a_day_a_month_or_a_year(stated: str) -> None:
    """In the one form that a publication has, too."""
    dated = 'speedup = {value = 9, unit = "", source = "s", date = "DATE"}'
    bad = FLEET.replace('speedup = {value = 9, unit = "", source = "s"}', dated)
    with pytest.raises(BadInput, match="is not a date"):
        parse(bad.replace("DATE", stated), "f.toml")
