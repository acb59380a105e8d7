"""Claims over quantities that nobody published: the values that satisfy all claims together, and
claims that no other claim tests.
"""

from __future__ import annotations

import itertools
import time

import pytest

from tests.projecting.claim_files import APPS, claim, inputs, only, run, unknown
from tests.projecting.scenarios import codes

VENDOR = (
    inputs(old_racks=40.0, hours=8760.0),
    unknown("old_kw", 10, 40, likely=17),
    unknown("new_kw", 80, 140, likely=120),
    unknown("throughput", 1, 60),
    unknown("new_racks", 1, 40),
    claim("throughput of up to 30x", 30, "throughput", op="up to"),
    claim("energy a token 25x", 25, "throughput * old_kw / new_kw", op="up to"),
    claim("racks", 2, "new_racks", op="about", tolerance=0.5),
    claim(
        "megawatt-hours saved",
        4000,
        "(old_racks * old_kw - new_racks * new_kw) * hours / 1e3",
        op="at least",
    ),
    claim("same work", 1, "new_racks * throughput / old_racks", tolerance=0.05),
)


def test_claims_of_another_publication_are_solved() -> None:
    """Five claims over four unknowns: the solution satisfies every one of them."""
    projection = run(*VENDOR)
    assert projection.solution is not None
    assert projection.solution.fails == ()
    best = {entry.name: entry.best for entry in projection.solution.unknowns}
    kw, new_kw, times, racks = (
        best[name] or 0.0 for name in ("old_kw", "new_kw", "throughput", "new_racks")
    )
    assert times <= 30 * (1 + 1e-6)
    assert racks * times / 40 == pytest.approx(1, abs=0.051)
    assert (40 * kw - racks * new_kw) * 8.76 >= 4000 * (1 - 1e-6)
    assert kw == pytest.approx(17, rel=0.05)
    assert new_kw == pytest.approx(120, rel=0.05)


def test_a_claim_that_needs_too_much() -> None:
    """20 000 MWh need old racks far above their plausible power; the range is named."""
    projection = run(
        *VENDOR[:-2],
        claim(
            "megawatt-hours saved",
            20000,
            "(old_racks * old_kw - new_racks * new_kw) * hours / 1e3",
            op="at least",
        ),
        VENDOR[-1],
    )
    assert projection.solution is not None
    assert projection.solution.fails == ("megawatt-hours saved",)
    tensions = {tension.unknown: tension for tension in projection.solution.tensions}
    assert tensions["old_kw"].needed[0] > 40
    # 40 racks, at least the power of the fewest new racks of 80 kW: 20 000 MWh / 8.76 / 40
    assert tensions["old_kw"].needed[0] == pytest.approx((20000 / 8.76 + 1.27 * 80) / 40, rel=0.02)
    result = next(one for one in projection.claims if one.name == "megawatt-hours saved")
    assert result.verdict == "needs"
    assert any("quantity old_kw at least" in need for need in result.needs)


def test_no_value_at_all_is_a_contradiction() -> None:
    """A ratio of a quantity with itself is 1, whatever the quantity."""
    projection = run(unknown("u", 1, 9), claim("c", 2, "u / u"))
    assert only(projection).verdict == "contradicts"
    assert projection.solution is not None
    assert projection.solution.holds == ()
    assert projection.solution.tensions == ()


def test_applications_have_quantities_of_their_own_unless_shared() -> None:
    """Two ratios of two applications do not exclude each other, if the quantity may differ."""
    for shared in (False, True):
        projection = run(
            unknown("u", 1, 20, same_for_all=shared),
            claim("alpha", 9, "u", of="Alpha"),
            claim("mean", 4, "u"),
        )
        assert projection.solution is not None
        assert projection.solution.contested == (("alpha", "mean") if shared else ())


def test_a_stated_range_of_an_input_is_used() -> None:
    """Figures hold together if some value of a stated range satisfies them."""
    tables = (unknown("u", 1, 9), claim("a", 6, "u * x"), claim("b", 3, "u"))
    held = run(inputs(x=(1.5, 1.0, 2.5)), *tables).solution
    failed = run(inputs(x=(1.5, 1.2, 1.8)), *tables).solution
    assert held is not None
    assert held.fails == ()
    assert failed is not None
    assert failed.contested == ("a", "b")


def test_a_comparison_makes_an_unknown_known() -> None:
    """The claim is tested against the measurement, and lines that needed the unknown are given."""
    tables = (
        unknown("s", 1, 12, measured="speedup"),
        '[[lines]]\nname = "twice"\nformula = "2 * s"\n',
        claim("c", 12, "s", op="up to"),
    )
    alone, compared = run(*tables), run(*tables, comparisons=(APPS[0],))
    assert alone.lines == ()
    assert alone.solution is not None
    assert [entry.name for entry in alone.solution.implied] == ["twice"]
    assert compared.solution is None
    assert compared.lines[0].value.value == pytest.approx(16)
    assert only(compared).derived is not None
    assert only(compared).tested.startswith("ALPHA cpu → ALPHA cuda (1 of the 2")
    assert "claims-with-own-inputs" in codes(compared.doubts)


def test_six_unknowns_are_solved_in_moderate_time() -> None:
    """Processor time, for the machine may be busy: some seconds at the very most."""
    names = "abcdef"
    tables = [unknown(name, 1, 50) for name in names]
    tables += [
        claim(f"{x} and {y}", 20, f"{x} * {y}", tolerance=0.01)
        for x, y in itertools.pairwise(names)
    ]
    tables.append(claim("sum", 60, " + ".join(names), op="at most"))
    start = time.process_time()
    projection = run(*tables)
    assert time.process_time() - start < 20
    assert projection.solution is not None
    assert projection.solution.fails == ()


def test_a_figure_that_fixes_its_own_unknown_is_no_evidence() -> None:
    """Any figure would be consistent with an unknown that no other claim uses; a second equation
    over the unknown, or an inequality, tests it.
    """
    alone = only(run(unknown("u", 1, 9), claim("c", 5, "2 * u")))
    assert (alone.verdict, alone.fixes) == ("consistent", ("quantity u",))
    for second in (claim("d", 7.5, "3 * u"), claim("d", 1, "u", op="at least")):
        first = run(unknown("u", 1, 9), claim("c", 5, "2 * u"), second).claims[0]
        assert (first.verdict, first.fixes) == ("consistent", ())


def test_a_chain_of_figures_that_fix_one_unknown_each() -> None:
    """Two equations over two unknowns always have a solution: neither is evidence. A third tests
    them.
    """
    tables = [unknown("u", 1, 9), unknown("v", 1, 9), claim("c", 5, "u"), claim("d", 20, "u * v")]
    assert [one.fixes for one in run(*tables).claims] == [("quantity u",), ("quantity v",)]
    three = run(*tables, claim("e", 4, "v")).claims
    assert [one.fixes for one in three] == [(), (), ()]
    assert {one.verdict for one in three} == {"consistent"}


def test_an_inequality_fixes_nothing_and_a_known_figure_neither() -> None:
    assert only(run(unknown("u", 1, 9), claim("c", 5, "u", op="at least"))).fixes == ()
    assert only(run(inputs(x=5.0), claim("c", 5, "x"))).fixes == ()


def test_a_figure_that_does_not_hold_fixes_nothing() -> None:
    result = only(run(unknown("u", 1, 2), claim("c", 5, "u")))
    assert (result.verdict, result.fixes) == ("needs", ())
