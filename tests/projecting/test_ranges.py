"""A stated range means one thing, wherever its value lies, and a small change of an end changes the
answer a little.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.errors import BadInput
from energybench.model import Document, Estimate, Projection, RangeMeaning
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from energybench_reports.csv_report import Csv
from energybench_reports.markdown import Markdown

MEANINGS: tuple[RangeMeaning, ...] = ("uniform", "limits")
HEAD = 'schema = "energybench-scenario/1"\nname = "n"\ntitle = "T"\nabout = "A"\n'


def entry(
    name: str, value: float, low: float, high: float, meaning: str = "", more: str = ""
) -> str:
    meaning = f'range = "{meaning}"\n' if meaning else ""
    return (
        f"[inputs.{name}]\nvalue = {value!r}\nlow = {low!r}\nhigh = {high!r}\n{meaning}"
        f'unit = ""\nsource = "s"\n{more}\n'
    )


def projected(*inputs: str, formula: str) -> Projection:
    line = f'[[lines]]\nname = "y"\nformula = "{formula}"\n'
    return project(parse(HEAD + "".join(inputs) + line, "f.toml"), (), "f.toml")


def interval(*inputs: str, formula: str) -> Estimate:
    return projected(*inputs, formula=formula).lines[0].value


def ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.low, estimate.value, estimate.high


@pytest.mark.parametrize("meaning", ["", *MEANINGS])
def test_a_hair_of_asymmetry_changes_nothing(meaning: str) -> None:
    """428 [373, 483] and 428 [373, 483.01] differ by that hundredth of a watt."""
    others = (entry("s", 12, 11, 13, meaning), entry("g", 1500, 1100, 1880, meaning))
    even, uneven = (
        interval(entry("p", 428, 373, high, meaning), *others, formula="s * p - g")
        for high in (483, 483.01)
    )
    assert ends(uneven) == pytest.approx(ends(even), abs=13 * 0.011)


@over(
    meaning=st.sampled_from(MEANINGS),
    places=st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 0.5)), min_size=2, max_size=2),
    moved=st.integers(0, 3),
    sign=st.sampled_from((-1, 1)),
)
@settings(max_examples=60, deadline=None)
def test_the_interval_is_continuous_in_every_end(
    meaning: RangeMeaning, places: list[tuple[float, float]], moved: int, sign: int
) -> None:
    """Each end may be moved by a millionth of the value: the interval moves as little, for a value
    in the middle, anywhere, or at an end of the range.
    """

    def at(shift: float) -> Estimate:
        inputs = []
        for i, (place, width) in enumerate(places):
            low, high = 1 - place * width, 1 + (1 - place) * width
            low -= abs(shift) if moved == 2 * i else 0.0
            high += abs(shift) if moved == 2 * i + 1 else 0.0
            inputs.append(entry("ab"[i], 1.0, low, high, meaning))
        return interval(*inputs, formula="3 * a / b - a" if sign > 0 else "a * b * b")

    assert ends(at(1e-6)) == pytest.approx(ends(at(0.0)), abs=2e-5)


@pytest.mark.parametrize("value", [10.0, 12.0, 15.0, 18.0, 20.0])
def test_a_uniform_range_is_drawn_from_end_to_end(value: float) -> None:
    """95 % of the range count, and the stated value as well if it lies in the rest."""
    found = interval(entry("x", value, 10, 20, "uniform"), formula="2 * x")
    assert found.value == 2 * value
    assert found.low == pytest.approx(min(2 * value, 20.5), abs=1e-3)
    assert found.high == pytest.approx(max(2 * value, 39.5), abs=1e-3)


@pytest.mark.parametrize("value", [10.0, 12.0, 15.0, 18.0, 20.0])
def test_limits_count_to_their_ends(value: float) -> None:
    """All of the range counts; the interval of another input is added at the ends."""
    alone = interval(entry("x", value, 10, 20, "limits"), formula="2 * x")
    assert ends(alone) == pytest.approx((20, 2 * value, 40))
    added = interval(
        entry("x", value, 10, 20, "limits"), entry("z", 0, -1, 1, "uniform"), formula="2 * x + z"
    )
    assert ends(added) == pytest.approx((20 - 0.95, 2 * value, 40 + 0.95), abs=1e-3)


@pytest.mark.parametrize(
    ("formula", "low", "high"),
    [
        ("x * (20 - x)", 0.0, 100.0),
        ("(x - 8) * (x - 8)", 0.0, 144.0),
        ("max(x - 4, 4 - x)", 0.0, 16.0),
    ],
)
def test_limits_find_the_worst_case_inside_the_range(formula: str, low: float, high: float) -> None:
    """A formula that rises and falls has its extremes at an end or between: both are tried, and
    both ends are never used at once.
    """
    found = interval(entry("x", 8, 0, 20, "limits"), formula=formula)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_ranges_with_a_key_share_their_error(meaning: RangeMeaning) -> None:
    """Also if the values lie at different places of their ranges."""
    keyed = 'key = "power supplies"'
    together = interval(
        entry("a", 0.93, 0.9, 0.98, meaning, keyed),
        entry("b", 0.93, 0.9, 0.98, meaning, keyed),
        formula="a / b",
    )
    assert (together.low, together.high) == pytest.approx((1, 1), abs=1e-9)
    apart = interval(
        entry("a", 0.93, 0.9, 0.98, meaning),
        entry("b", 0.93, 0.9, 0.98, meaning),
        formula="a / b",
    )
    assert apart.half_width > 0.05


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_range_of_no_width_is_exact(meaning: RangeMeaning) -> None:
    result = projected(entry("x", 3, 3, 3, meaning), formula="2 * x")
    assert (result.lines[0].value.low, result.lines[0].value.high) == (6, 6)
    (used,) = result.lines[0].inputs
    assert (used.stated, used.range) == (None, None)


def test_a_side_without_limit_ends_at_the_value() -> None:
    """And the range says so in the document."""
    (used,) = projected(entry("x", 2, 2, 3).replace("low = 2\n", ""), formula="x").lines[0].inputs
    assert (used.stated, used.range) == ((2, 3), "uniform")


def test_a_stated_range_is_never_printed_as_an_interval() -> None:
    """No report has the 95 % of a uniform range; each has the range as stated."""
    result = projected(entry("x", 428, 373, 504), formula="2 * x")
    (used,) = result.lines[0].inputs
    quantile = f"{used.value.low:.1f}"
    assert quantile == "376.3"
    document = Document(title="T", results=(result,), created_utc="", version="")
    for report in (Csv(), Markdown()):
        rendered: Any = report.render(document)
        text = rendered.decode()
        assert "376" not in text
        assert "373" in text
        assert "504" in text
    stated = msgspec.json.decode(msgspec.json.encode(result))["lines"][0]["inputs"][0]
    assert (stated["stated"], stated["range"]) == ([373, 504], "uniform")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('value = 2\nrange = "limits"', "inputs.x.range: stands without low and high"),
        ('value = 2\nlow = 1\nrange = "normal"', "inputs.x.range: invalid enum value 'normal'"),
        ("value = 2\nlow = 1\nrange = 3", "inputs.x.range: "),
        ('measured = "speedup"\nrange = "limits"', "inputs.x: has a range and no value"),
    ],
)
def test_a_mistake_is_one_line(keys: str, words: str) -> None:
    text = f'{HEAD}[inputs.x]\n{keys}\nunit = ""\nsource = "s"\n'
    with pytest.raises(BadInput) as refused:
        parse(text, "f.toml")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
