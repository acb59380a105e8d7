"""Published claims: operators, means, applications, circular claims, and claims over unknowns, in
scenarios of other publications.
"""

from __future__ import annotations

import itertools
import time

import pytest
from msgspec import structs

from energybench.analysis.uncertainty.effects import combine, normal
from energybench.errors import BadInput
from energybench.model import Claim, Comparison, Estimate, Projection
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from energybench.units import show_beside
from tests.projecting.test_project import codes, comparison

HEAD = """
schema = "energybench-scenario/1"
name = "n"
title = "T"
about = "A"
applications = ["Alpha", "Beta code"]
"""


def inputs(**values: tuple[float, float, float] | float) -> str:
    """[inputs.NAME] tables; three numbers are value, low and high."""
    tables = []
    for name, value in values.items():
        numbers = value if isinstance(value, tuple) else (value, value, value)
        keys = zip(("value", "low", "high"), numbers, strict=True)
        stated = "\n".join(f"{key} = {number}" for key, number in keys)
        tables.append(f'[inputs.{name}]\n{stated}\nunit = ""\nsource = "s"\nevidence = "seen"\n')
    return "\n".join(tables)


def unknown(name: str, low: float, high: float, **more: object) -> str:
    keys = "".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
        for key, value in more.items()
    )
    unit = "" if "measured" in more else 'unit = ""\n'
    return (
        f'[unknowns.{name}]\nlabel = "quantity {name}"\nlow = {low}\nhigh = {high}\n{unit}'
        f'source = "s"\n{keys}\n'
    )


def claim(name: str, claimed: float, derived: str = "", **more: object) -> str:
    keys = "".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
        for key, value in more.items()
    )
    formula = f'derived = "{derived}"\n' if derived else ""
    return f'[[claims]]\nname = "{name}"\nclaimed = {claimed}\n{formula}{keys}\n'


def run(*tables: str, comparisons: tuple[Comparison, ...] = ()) -> Projection:
    return project(parse(HEAD + "\n".join(tables), "f.toml"), comparisons, "f.toml")


def only(projection: Projection) -> Claim:
    (result,) = projection.claims
    return result


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


# ---------------------------------------------------------------- applications and means


RATIO = """
[inputs.speedup]
measured = "speedup"
[inputs.cpu]
measured = "power_baseline_w"
[inputs.gpu]
measured = "power_candidate_w"
"""
APPS = (
    comparison("ALPHA", speedup=8.0, power_w=(500.0, 1000.0)),
    comparison("beta code", speedup=2.0, power_w=(500.0, 1000.0)),
)


@pytest.mark.parametrize(
    ("of", "derived"),
    [
        ("Alpha", 4.0),
        ("alpha", 4.0),
        ("Beta code", 1.0),
        ("arithmetic", 2.5),
        ("geometric", 2.0),
        ("energy-weighted", 1.6),
        ("", 1.6),
    ],
)
def test_a_claim_is_tested_against_its_own_comparison(of: str, derived: float) -> None:
    """An application by its word in any case of letters, a mean by its name, else the whole mix."""
    tables = (RATIO, claim("c", 4, "speedup * cpu / gpu", of=of))
    result = only(run(*tables, comparisons=APPS))
    assert result.derived is not None
    assert result.derived.value == pytest.approx(derived)
    assert result.verdict == ("consistent" if derived == 4.0 else "needs")


@pytest.mark.parametrize(
    ("claimed", "mean"), [(2.5, "arithmetic"), (2.0, "geometric"), (1.6, "energy-weighted")]
)
def test_a_mean_that_is_not_said_may_be_any(claimed: float, mean: str) -> None:
    tables = (RATIO, claim("c", claimed, "speedup * cpu / gpu", of="not said", tolerance=0.01))
    result = only(run(*tables, comparisons=APPS))
    assert result.verdict == "consistent"
    assert [one.mean for one in result.by_mean if one.holds] == [mean]
    assert mean in result.why


@pytest.mark.parametrize(("claimed", "verdict"), [(8.0, "consistent"), (7.9, "needs")])
def test_up_to_is_a_limit_for_every_comparison(claimed: float, verdict: str) -> None:
    """The largest of the comparisons counts, and not their mix."""
    result = only(
        run(
            RATIO,
            claim("c", claimed, "speedup * cpu / cpu * gpu / gpu", op="up to"),
            comparisons=APPS,
        )
    )
    assert result.derived is not None
    assert result.derived.value == pytest.approx(8)
    assert result.verdict == verdict


def test_a_mean_over_some_of_the_applications_says_so() -> None:
    """One comparison is not the mean of two applications."""
    tables = (RATIO, claim("c", 4, "speedup * cpu / gpu", of="not said"))
    some = only(run(*tables, comparisons=APPS[:1]))
    assert some.tested == "ALPHA cpu → ALPHA cuda (1 of the 2 applications of the mean)"
    assert "of the mean" in some.why
    assert "of the mean" not in only(run(*tables, comparisons=APPS)).tested


@pytest.mark.parametrize("of", ["not said", "arithmetic", "geometric", "energy-weighted", ""])
@pytest.mark.parametrize("claimed", [4.0, 9.0])
def test_a_part_of_the_applications_confirms_no_figure_over_all_of_them(
    of: str, claimed: float
) -> None:
    """The word is "needs", whether the figure agrees with the part or not; the need is named."""
    tables = (RATIO, claim("c", claimed, "speedup * cpu / gpu", of=of))
    some = only(run(*tables, comparisons=APPS[:1]))
    assert (some.verdict, some.untested) == ("needs", ("Beta code",))
    assert some.needs[0] == "comparisons of Beta code as well"
    assert "1 of the 2 applications" in some.why
    assert only(run(*tables, comparisons=APPS)).untested == ()


def test_a_part_of_the_applications_breaks_a_limit_and_does_not_confirm_it() -> None:
    """ "Up to" holds for every application: one refutes it, and no part of them shows it."""
    tables = (RATIO, claim("c", 8, "speedup * cpu / cpu * gpu / gpu", op="up to"))
    some = only(run(*tables, comparisons=APPS[:1]))
    assert (some.verdict, some.needs) == ("needs", ("comparisons of Beta code as well",))
    tables = (RATIO, claim("c", 7, "speedup * cpu / cpu * gpu / gpu", op="up to"))
    assert not any("comparisons" in need for need in only(run(*tables, comparisons=APPS[:1])).needs)


def test_a_solved_figure_of_the_whole_needs_all_applications() -> None:
    """Open quantities beside a comparison of one application do not make the figure consistent;
    [mix] states the applications of the whole, and not those of a mean.
    """
    tables = (RATIO, unknown("n", 1, 9), claim("c", 12, "n * speedup * cpu / gpu"))
    some = only(run(*tables, comparisons=APPS[:1]))
    assert (some.solved, some.verdict, some.untested) == (True, "needs", ("Beta code",))
    whole = only(run(*tables, "[mix]\nAlpha = 1.0\n", comparisons=APPS[:1]))
    assert (whole.verdict, whole.untested) == ("consistent", ())
    of_mean = (RATIO, claim("c", 4, "speedup * cpu / gpu", of="arithmetic"))
    mean = only(run(*of_mean, "[mix]\nAlpha = 1.0\n", comparisons=APPS[:1]))
    assert (mean.verdict, mean.untested) == ("needs", ("Beta code",))


def test_a_comparison_of_another_application_is_a_doubt() -> None:
    """Work that the scenario does not name cannot confirm its claims silently."""
    tables = (RATIO, claim("c", 4, "speedup * cpu / gpu", of="not said"))
    other = structs.replace(APPS[0], labels=("gamma cpu", "alphabet cuda"))
    doubted = {one.code: one for one in run(*tables, comparisons=(other,)).doubts}
    assert "gamma cpu → alphabet cuda" in doubted["other-application"].message
    assert "Alpha, Beta code" in doubted["other-application"].message
    assert APPS[1].labels[0] not in doubted["other-application"].message
    assert "other-application" not in codes(run(*tables, comparisons=APPS).doubts)
    assert "other-application" not in codes(run(inputs(a=1.0), claim("c", 1, "a")).doubts)


OTHER = comparison("gamma", speedup=8.0, power_w=(500.0, 1000.0))


@pytest.mark.parametrize("of", ["not said", "arithmetic", "energy-weighted", ""])
@pytest.mark.parametrize("op", ["=", "up to"])
def test_other_work_tests_no_figure(of: str, op: str) -> None:
    """If every comparison is of other work, nothing is there to test a figure against."""
    if of and op == "up to":
        of = "not said"
    tables = (RATIO, claim("c", 4, "speedup * cpu / gpu", of=of, op=op))
    result = only(run(*tables, comparisons=(OTHER,)))
    assert (result.verdict, result.derived, result.tested) == ("cannot-be-derived", None, "")
    assert "no comparison is of one of the applications" in result.why
    # a share of the fleet makes it no application of the publication
    shared = only(run(*tables, "[mix]\nAlpha = 0.5\ngamma = 0.5\n", comparisons=(APPS[0], OTHER)))
    assert "gamma" not in shared.tested
    # beside applications of the scenario it is left out
    whole = only(run(*tables, comparisons=(*APPS, OTHER)))
    assert whole.derived == only(run(*tables, comparisons=APPS)).derived
    assert "gamma" not in whole.tested


def test_a_recorded_workload_refutes_a_label() -> None:
    """A run of another workload with the label of an application is not the application."""
    tables = (RATIO, claim("c", 4, "speedup * cpu / gpu", of="not said"))
    for recorded in (("milc", "milc"), ("", "milc")):
        mislabelled = structs.replace(APPS[0], workloads=recorded)
        projection = run(*tables, comparisons=(mislabelled,))
        assert only(projection).verdict == "cannot-be-derived"
        doubts = {one.code: one.message for one in projection.doubts}
        assert (
            "labelled as Alpha, and its runs record the workload milc"
            in (doubts["label-contradicts-workload"])
        )
        assert "claims-with-own-inputs" not in doubts
        of_alpha = (RATIO, claim("c", 4, "speedup * cpu / gpu", of="Alpha"))
        assert only(run(*of_alpha, comparisons=(mislabelled,))).tested == ""
    for agreed in (("alpha", "Alpha"), ("", ""), ("alpha_large", "alpha")):
        same = structs.replace(APPS[0], workloads=agreed)
        projection = run(*of_alpha, comparisons=(same,))
        assert only(projection).verdict == "consistent"
        assert "label-contradicts-workload" not in codes(projection.doubts)


def test_a_claim_has_the_unit_of_its_line() -> None:
    """588 kWh are not tested against a line in MWh."""
    table = '[[lines]]\nname = "l"\nformula = "2 * a"\nunit = "MWh"\n'
    tables = (inputs(a=294.0), table)
    assert only(run(*tables, claim("c", 588, "l", unit="MWh"))).verdict == "consistent"
    with pytest.raises(BadInput, match=r"claims.c.unit: is 'kWh', and that of l is 'MWh'"):
        run(*tables, claim("c", 588, "l", unit="kWh"))


def test_a_mean_has_one_interval() -> None:
    """The means of the lines are those of the claims, whatever the interval of the measured ratio
    is, unless the scenario takes the measured ratio.
    """
    apps = [structs.replace(one, energy_ratio=normal_estimate(one, 0.2)) for one in APPS]
    tables = (RATIO, claim("c", 2.5, "speedup * cpu / gpu", of="not said", tolerance=0.01))
    projection = run(*tables, comparisons=tuple(apps))
    of_lines = {line.name: line.value for line in projection.lines}
    for mean in only(projection).by_mean:
        name = "ratio_" + mean.mean.replace("-", "_") + "_mean" * (mean.mean != "energy-weighted")
        line = of_lines[name]
        assert (line.low, line.high) == (
            pytest.approx(mean.value.low),
            pytest.approx(mean.value.high),
        )


def normal_estimate(one: Comparison, u_rel: float) -> Estimate:
    assert one.energy_ratio is not None
    value = one.energy_ratio.value
    return combine(value, [normal("scatter", u_rel * value)])


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


def test_a_mean_that_holds_under_none_of_the_three() -> None:
    tables = (RATIO, claim("c", 3, "speedup * cpu / gpu", of="not said", tolerance=0.01))
    result = only(run(*tables, comparisons=APPS))
    assert result.verdict == "needs"
    assert not any(one.holds for one in result.by_mean)


def test_an_application_without_a_comparison_keeps_its_published_inputs() -> None:
    """Another application's comparison says nothing about it."""
    stated = inputs(speedup=6.0).replace('unit = ""', 'unit = ""\nmeasured = "speedup"')
    tables = (stated, claim("c", 6, "speedup", of="Beta code"))
    result = only(run(*tables, comparisons=APPS[:1]))
    assert (result.verdict, result.tested) == ("consistent", "")
    nothing = '[inputs.speedup]\nmeasured = "speedup"\n'
    result = only(run(nothing, claim("c", 6, "speedup", of="Beta code"), comparisons=APPS[:1]))
    assert result.verdict == "cannot-be-derived"


# ---------------------------------------------------------------- unknowns


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
        assert bool(projection.solution.fails) is shared


def test_a_stated_range_of_an_input_is_used() -> None:
    """Figures hold together if some value of a stated range satisfies them."""
    tables = (unknown("u", 1, 9), claim("a", 6, "u * x"), claim("b", 3, "u"))
    held = run(inputs(x=(1.5, 1.0, 2.5)), *tables).solution
    failed = run(inputs(x=(1.5, 1.2, 1.8)), *tables).solution
    assert held is not None
    assert held.fails == ()
    assert failed is not None
    assert failed.fails == ("b",)


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


# ---------------------------------------------------------------- refused


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


# ---------------------------------------------------------------- figures that nothing tests


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
