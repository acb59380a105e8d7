"""A claim is tested against the comparison of its own application, or against the mean over the
applications that it names.
"""

from __future__ import annotations

import pytest
from msgspec import structs

from energybench.analysis.uncertainty.effects import combine, normal
from energybench.model import Comparison, Estimate
from tests.projecting.claim_files import APPS, RATIO, claim, inputs, only, run, unknown
from tests.projecting.scenarios import codes, comparison


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
    """An "up to" limits every application: one application above the limit refutes the claim, and
    comparisons of some applications cannot confirm the claim.
    """
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
