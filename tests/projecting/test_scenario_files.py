"""Every way a scenario file can be wrong is one line that says where, what and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.model import Claim, Estimate, Line
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse, read

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
        "f.toml: is no TOML: cannot overwrite a value (at line 5, column 12)",
    ),
    ('title = "T"', 'title = "T', "f.toml: is no TOML: "),
    ('name = "n"', 'name = "n"\nmode = "fast"', "f.toml: mode: invalid enum value 'fast'"),
    ('name = "n"', 'name = "n"\nmodel = "flet"', "f.toml: model: invalid enum value 'flet'"),
    ("[inputs.x]", "[inputs.x]\n[inputs.x]", "f.toml: is no TOML: "),
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
        'source = "s"\nmeasured = "energy"',
        "f.toml: inputs.x.measured: 'energy' is nothing a comparison has (one of energy_ratio",
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
    ("2 * x", "2 * z", "f.toml: lines.y: refers to z, which is no input and no line"),
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
        "f.toml: results.saved_mwh_per_month: names q, which is no line",
    ),
    (
        "saved_mwh_per_month",
        "saved_mwh",
        "f.toml: results: unknown key 'saved_mwh' (did you mean saved_mwh_per_month?)",
    ),
    ('"a b" = 1', '"a b" = 0', "f.toml: mix.a b: expected 'float' > 0"),
    ('"a b" = 1', '"a b" = "1"', "f.toml: mix.a b: expected 'float', got 'str'"),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[entry[2][8:60] for entry in BAD])
def test_bad_file(old: str, new: str, said: str) -> None:
    """Each mistake is one line that says file, key, what and, where there is one, the remedy."""
    assert old in GOOD
    with pytest.raises(BadInput) as caught:
        project(parse(GOOD.replace(old, new, 1), "f.toml"), (), "f.toml")
    text = str(caught.value)
    assert text.startswith(said), text
    assert "\n" not in text
    assert len(text) < 500


def test_good_file() -> None:
    """The file that the mistakes are made in is right."""
    made = project(parse(GOOD, "f.toml"), (), "f.toml")
    assert isinstance(made.lines[0], Line)
    assert isinstance(made.claims[0], Claim)
    assert isinstance(made.saved_mwh_per_month, Estimate)


def test_no_such_scenario(tmp_path: Path) -> None:
    """Names and paths that lead nowhere, folders, and files that are no text."""
    binary, folder, large = tmp_path / "b.toml", tmp_path / "d.toml", tmp_path / "l.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    folder.mkdir()
    large.write_text("# " + "x" * 1_000_001)
    for name, said in (
        ("nersc-2024", "no such scenario (did you mean nersc-2023? have ai-inference-2023"),
        (str(tmp_path / "no.toml"), "no such file"),
        (str(binary), "is no UTF-8 text"),
        (str(folder), "is a folder"),
        (str(large), "is larger than 1000 kB"),
        ("a\x00b.toml", "cannot be read"),
    ):
        with pytest.raises(BadInput) as caught:
            read(name)
        assert said in str(caught.value)


def test_deep_nesting() -> None:
    """A hostile file does not bring the reader down."""
    with pytest.raises(BadInput, match=r"f\.toml: "):
        parse("a = " + "[" * 100_000, "f.toml")
