"""A mistake in the claims or unknowns of a scenario file is one line with its key."""

from __future__ import annotations

import pytest

from energybench.errors import BadInput
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from tests.projecting.claim_files import HEAD, claim, inputs, run, unknown

GOOD = (
    inputs(x=2.0),
    unknown("u", 1, 9),
    '[[lines]]\nname = "y"\nformula = "x * u"\nnote = "{x}"\n',
    claim("c", 5, "y", of="Alpha"),
)
BAD = [
    (
        "of = 'Alpha'",
        'of = "Alhpa"',
        "claims.c.of: 'Alhpa' is neither an application of this "
        "scenario nor a mean (did you mean Alpha?)",
    ),
    ("of = 'Alpha'", 'of = "mean"', "claims.c.of: 'mean' is neither an application"),
    (
        "of = 'Alpha'",
        'op = "more"',
        "invalid enum value 'more' (one of =, about, at least",
    ),
    ("of = 'Alpha'", 'kind = "rumour"', "claims.c.kind: invalid enum value 'rumour'"),
    ("of = 'Alpha'", "circular = 1", "claims.c.circular: expected 'bool'"),
    ('derived = "y"', "circular = true", "claims.c.circular: stands without derived"),
    (
        "of = 'Alpha'",
        "of = 'Alpha'\ntolerance = 5",
        "claims.c.tolerance: 5 is the whole of the figure, and any figure would fit (a share of "
        "the figure: 0.05 for 5 %)",
    ),
    ("of = 'Alpha'", "of = 'Alpha'\ntolerance = 1", "0.01 for 1 %"),
    ('derived = "y"', 'derived = "x"', "unknowns.u: is used by no claim"),
    ("low = 1", "low = 9", "unknowns.u: has an empty range: low 9 does not lie below high 9"),
    ("low = 1", "low = 10", "unknowns.u: has an empty range"),
    ("low = 1", "low = 1\nlikely = 10", "unknowns.u.likely: 10 lies outside the range 1 to 9"),
    ("low = 1", "low = 1\nvalue = 2", "unknowns.u.value: belongs to an input"),
    ("low = 1", "low = nan", "unknowns.u: low is nan, not a finite number"),
    ("low = 1", 'low = 1\nshare_of = "z"', "unknowns.u.share_of: names z, which is neither"),
    ("low = 1", 'low = 1\nmeasured = "power"', "unknowns.u.measured: 'power' is not a quantity"),
    ("low = 1", "lo = 1", "unknowns.u: unknown key 'lo' (did you mean low?)"),
    ("[unknowns.u]", "[unknowns.x]", "unknowns.x: is also an input"),
    ("[unknowns.u]", "[unknowns.y]", "lines.y"),
    ('"{x}"', '"{z}"', "lines.y.note: quotes {z}, which is neither an input, an unknown nor a"),
    ('name = "c"', 'name = "c"\nclaimed = 1\n[[claims]]\nname = "c"', "claims.c: stands twice"),
    ('"Alpha", ', '"alpha", "Alpha", ', "applications.alpha: stands twice"),
    ('"Alpha", ', '"Alpha", "geometric", ', "applications: 'geometric' cannot be"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[entry[2][:50] for entry in BAD])
def test_a_mistake_is_one_line(old: str, new: str, message: str) -> None:
    text = HEAD + "\n".join(GOOD)
    assert project(parse(text, "f.toml")).solution is not None
    place = text.index("[unknowns.u]") if "low" in old else 0
    assert old in text[place:]
    changed = text[:place] + text[place:].replace(old, new, 1)
    with pytest.raises(BadInput) as refused:
        project(parse(changed, "f.toml"), (), "f.toml")
    words = str(refused.value)
    assert words.startswith("f.toml: ")
    assert message in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("derived", "line", "key"),
    [("u / 0", "u", "claims.c.derived"), ("u", "sqrt(0 - u)", "lines.y")],
)
def test_a_formula_without_a_value_is_refused(derived: str, line: str, key: str) -> None:
    """No value of the unknown gives a finite result."""
    lines = f'[[lines]]\nname = "y"\nformula = "{line}"\n'
    with pytest.raises(BadInput) as refused:
        run(unknown("u", 1, 9), lines, claim("c", 5, derived))
    assert str(refused.value).startswith(f"f.toml: {key}: has no finite value in the plausible")


@pytest.mark.parametrize("table", ["inputs", "unknowns"])
def test_one_quantity_replaces_one_input(table: str) -> None:
    """A comparison's speedup is either the largest or the mean: two inputs for it are refused."""
    first = '[inputs.largest]\nmeasured = "speedup"\n'
    second = '[inputs.mean]\nmeasured = "speedup"\n'
    if table == "unknowns":
        second = unknown("mean", 1, 9, measured="speedup")
    with pytest.raises(BadInput) as refused:
        run(first, second, claim("c", 5, "largest + mean"))
    assert str(refused.value) == (
        f"f.toml: {table}.mean.measured: is 'speedup', which replaces largest already (one "
        "quantity has one meaning: use one input in both places, or leave one out)"
    )
