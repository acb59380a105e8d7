"""Published claims, in scenarios of other publications: operators, circular claims, the inputs
behind a figure, and the texts beside it.
"""

from __future__ import annotations

import pytest

from energybench.errors import BadInput
from energybench.units import show_beside
from tests.projecting.claim_files import APPS, RATIO, claim, inputs, only, run, unknown
from tests.projecting.scenarios import codes

# ---------------------------------------------------------------- operators


@pytest.mark.parametrize(
    ("op", "value", "verdict"),
    [
        ("=", (3.95e6, 2.09e6, 4.84e6), "consistent"),
        ("=", (3.0e6, 2.0e6, 3.5e6), "contradicts"),
        ("at least", (3.95e6, 2.09e6, 4.84e6), "needs"),
        ("at least", (4.08e6, 2.09e6, 4.84e6), "consistent"),
        ("at least", (9e6, 8e6, 9.5e6), "consistent"),
        ("at least", (3.0e6, 2.0e6, 3.5e6), "contradicts"),
        ("at most", (3.95e6, 2.09e6, 4.84e6), "consistent"),
        ("at most", (4.05e6, 2.09e6, 4.84e6), "needs"),
        ("at most", (5e6, 4.5e6, 6e6), "contradicts"),
        ("up to", (1e6, 0.5e6, 1.2e6), "consistent"),
        ("up to", (5e6, 4.5e6, 6e6), "contradicts"),
        ("about", (3.7e6, 3.7e6, 3.7e6), "consistent"),
        ("about", (3.5e6, 3.5e6, 3.5e6), "contradicts"),
    ],
)
def test_operators(op: str, value: tuple[float, float, float], verdict: str) -> None:
    """$3.95 M is not "more than $4 million", although its interval reaches there."""
    result = only(run(inputs(x=value), claim("money", 4e6, "x", op=op)))
    assert result.verdict == verdict
    assert bool(result.needs) is (verdict == "needs")


def test_a_figure_is_not_rounded_to_the_figure_beside_it() -> None:
    """The digits tell 3 951 429 from 4 000 000, and 587.9 from 588."""
    result = only(
        run(
            inputs(x=(3951429.0, 2.09e6, 4.84e6)).replace(
                "[inputs.x]", '[inputs.x]\nrange = "limits"'
            ),
            claim("m", 4e6, "x", op="at least"),
        )
    )
    assert result.derived is not None
    shown = show_beside(result.derived, 4e6, "USD").replace("\u202f", " ")
    assert shown == "3 950 000 USD [2 090 000, 4 840 000]"
    for value, figure in ((3999990.0, 4e6), (587.96, 588.0), (0.99996, 1.0)):
        derived = only(run(inputs(x=value), claim("c", figure, "x"))).derived
        assert derived is not None
        assert float(show_beside(derived, figure).replace("\u202f", "")) != figure


def test_a_circular_claim_is_no_confirmation() -> None:
    """Inputs that were inferred from the figure give it back: the claim is never consistent."""
    for tables in (
        [inputs(x=5.0), claim("c", 5, "x", circular=True)],
        [unknown("u", 1, 9), claim("c", 5, "u", circular=True)],
    ):
        result = only(run(*tables))
        assert (result.circular, result.verdict) == (True, "needs")
        assert result.needs == ("inputs that were inferred from the figure itself",)


def test_a_plausibility_check_contradicts_nobody() -> None:
    """A figure of another source that does not agree is a need of the claim."""
    result = only(run(inputs(x=9.0), claim("c", 5, "x", kind="plausibility check")))
    assert (result.kind, result.verdict) == ("plausibility-check", "needs")


def test_a_claim_has_the_unit_of_its_line() -> None:
    """588 kWh are not tested against a line in MWh."""
    table = '[[lines]]\nname = "l"\nformula = "2 * a"\nunit = "MWh"\n'
    tables = (inputs(a=294.0), table)
    assert only(run(*tables, claim("c", 588, "l", unit="MWh"))).verdict == "consistent"
    with pytest.raises(BadInput, match=r"claims.c.unit: is 'kWh', and that of l is 'MWh'"):
        run(*tables, claim("c", 588, "l", unit="kWh"))


def test_a_doubt_of_the_scenario_ends_with_a_comparison() -> None:
    """A weakness that a comparison removes is not said with one."""
    weak = (
        '[[doubts]]\ncode = "largest-speedup"\nmessage = "m"\nremedy = "r"\n'
        'until_measured = ["speedup", "gpu"]\n'
    )
    stated = RATIO.replace("]\n", ']\nvalue = 2\nsource = "s"\n')
    tables = (stated, weak, claim("c", 4, "speedup * cpu / gpu"))
    assert "largest-speedup" in codes(run(*tables).doubts)
    assert "largest-speedup" not in codes(run(*tables, comparisons=APPS[:1]).doubts)
    with pytest.raises(BadInput, match=r"doubts\[1\].until_measured: names gpus, which no comp"):
        run(stated, weak.replace('"gpu"', '"gpus"'), claim("c", 4, "speedup * cpu / gpu"))
    with pytest.raises(BadInput, match=r"doubts\[1\]: the doubt largest-speedup has an empty mess"):
        run(stated, weak.replace('"m"', '" "'), claim("c", 4, "speedup * cpu / gpu"))


def test_inputs_of_claims_and_of_their_solution_are_listed() -> None:
    """Every value behind a figure stands among the inputs, once."""
    table = '[[lines]]\nname = "l"\nformula = "u * b"\n'
    projection = run(
        inputs(a=2.0, b=3.0, d=1.0),
        unknown("u", 1, 9),
        claim("c", 4, "u * a"),
        claim("e", 1, "d"),
        table,
    )
    assert sorted(entry.name for entry in projection.base_inputs) == ["a", "b", "d"]
    assert projection.solution is not None
    assert [entry.name for entry in projection.solution.implied] == ["l"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (4.4, "the derived value is within the rounding of the claim, 3.5 to 4.5"),
        (4.6, "the derived value is outside the rounding of the claim, 3.5 to 4.5"),
        (3.4, "the derived value is outside the rounding of the claim, 3.5 to 4.5"),
    ],
)
def test_a_value_outside_the_rounding_is_not_said_to_be_inside(value: float, words: str) -> None:
    """An overlap of the intervals is consistent, but the reason names what overlaps."""
    stated = inputs(a=(value, value - 0.3, value + 0.3))
    result = only(run(stated, claim("c", 4, "a", tolerance=0.125)))
    assert (result.verdict, result.why[: len(words)]) == ("consistent", words)


# ---------------------------------------------------------------- texts


def test_a_text_never_names_a_figure_that_was_replaced() -> None:
    """`{name}` shows the value in use; a figure that is written out goes with its input."""
    stated = inputs(speedup=12.0).replace('unit = ""', 'unit = ""\nmeasured = "speedup"')
    tables = (
        stated,
        '[[lines]]\nname = "a"\nformula = "2 * speedup"\nnote = "twice {speedup}x"\n',
        '[[lines]]\nname = "b"\nformula = "3 * a"\nnote = "at 12x"\nlabel = "hired at 12x"\n',
        '[[lines]]\nname = "c"\nformula = "3 * a"\nnote = "of an A100 node"\n',
    )
    assert [line.note for line in run(*tables).lines] == ["twice 12x", "at 12x", "of an A100 node"]
    lines = run(*tables, comparisons=(APPS[0],)).lines
    assert [line.note for line in lines] == ["twice 8x", "", "of an A100 node"]
    assert lines[1].label == ""


def test_a_line_with_a_comparison_alone() -> None:
    """Without a comparison the line and the answer are left out."""
    tables = (
        inputs(nodes=10.0),
        '[inputs.s]\nvalue = 2\nunit = ""\nsource = "s"\nmeasured = "speedup"\n',
        '[[lines]]\nname = "e"\nformula = "nodes * s"\nunit = "MWh"\nwith_comparison = true\n',
        '[[lines]]\nname = "f"\nformula = "2 * e"\nunit = "MWh"\n',
        '[results]\nsaved_mwh_per_month = "f"\n',
    )
    assert run(*tables).lines == ()
    assert run(*tables).saved_mwh_per_month is None
    compared = run(*tables, comparisons=(APPS[0],))
    assert compared.saved_mwh_per_month is not None
    assert compared.saved_mwh_per_month.value == pytest.approx(160)


@pytest.mark.parametrize(
    ("op", "claimed", "words"),
    [
        ("up to", 9.5, "within its stated tolerance, at most 10.4"),
        ("at most", 9.5, "within its stated tolerance, at most 10.4"),
        ("at least", 10.5, "within its stated tolerance, at least 9.45"),
        ("up to", 10.5, "no more than the largest that is claimed"),
        ("at least", 9.5, "the derived value satisfies the claim"),
    ],
)
def test_a_tolerance_that_decides_is_named(op: str, claimed: float, words: str) -> None:
    """A derived 10 does not satisfy 'up to 9.5' by itself."""
    found = only(run(inputs(x=10.0), claim("c", claimed, "x", op=op, tolerance=0.1)))
    assert found.verdict == "consistent"
    assert words in found.why


@pytest.mark.parametrize(
    ("claimed", "op", "verdict"),
    [
        (351.0, "=", "needs"),
        (351.0, "at most", "needs"),
        (449.5, "at least", "needs"),
        (349.0, "=", "contradicts"),
        (451.0, "at least", "contradicts"),
        (349.0, "at most", "contradicts"),
        (360.0, "=", "consistent"),
    ],
)
def test_an_end_of_a_stated_range_contradicts_nothing(
    claimed: float, op: str, verdict: str
) -> None:
    """The interval of 95 % of a range from 350 to 450 is narrower than the range."""
    found = only(run(inputs(p=(400.0, 350.0, 450.0)), claim("c", claimed, "p", op=op)))
    assert found.verdict == verdict
