"""Rule books: aspect by aspect, never flattering, and no level if an aspect is unknown."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import combine, normal, rectangular
from energybench.grading.facts import figure
from energybench.grading.rule_books import grade
from energybench.model import (
    Aspect,
    Boundary,
    ChannelStats,
    Check,
    Doubt,
    Grade,
    Host,
    Measurement,
    Part,
    Repeat,
    RuleBook,
    Work,
    WorkloadRef,
)


def metered(
    seconds: float = 90.0,
    boundary: str = "node-ac",
    u_rel: float = 0.004,
    distribution: str = "rectangular",
    interval_s: float = 0.5,
    **changes: Any,
) -> Measurement:
    """A node with one meter, three repeats of a workload."""
    component = {"node-ac": "node.ac", "node-dc": "node"}.get(boundary, "cpu.package")
    power_w = 1000.0
    place, u_j = Place(component, "n1", "meter"), u_rel * power_w * seconds
    gain = normal("limit-of-error", u_j, place, key="gain:n1")
    if distribution != "normal":
        half_width = u_j * math.sqrt(3.0)
        gain = rectangular("limit-of-error", half_width, place, key="gain:n1")
    energy = combine(power_w * seconds, [gain])
    part = Part(component=component, device="n1", state="measured")
    stated: dict[str, Any] = {
        "id": "r",
        "label": "r",
        "workload": WorkloadRef(name="w", size="S", device="cpu"),
        "command": None,
        "boundary": Boundary(name=boundary, parts=(part,)),  # type: ignore[arg-type]
        "quality": "measured",
        "energy_j": energy,
        "components_j": {component: energy},
        "time_s": combine(seconds, []),
        "power_w": combine(power_w, []),
        "idle_power_w": combine(300.0, []),
        "net_energy_j": None,
        "work": Work(amount=1.0, unit="solve", fingerprint="f", precision="equal-accuracy"),
        "energy_per_work_j": energy,
        "verification": (),
        "repeats": tuple(
            Repeat(start_s=100.0 * i, end_s=100.0 * i + seconds, energy_j=power_w * seconds)
            for i in range(3)
        ),
        "regions": (),
        "channels": (
            ChannelStats(
                collector="meter",
                device="n1",
                component=component,
                kind="counter",
                period_s=0.1,
                jitter_s=0.0,
                samples=900,
                missed=0,
                failed=0,
                update_period_s=interval_s,
            ),
        ),
        "nodes": 1,
        "host": Host(name="n1"),
        "doubts": (),
    }
    return Measurement(**{**stated, **changes})


def book(graded: Grade, name: str) -> RuleBook:
    return next(entry for entry in graded.books if entry.name == name)


def aspect(graded: Grade, number: str, level: str = "1") -> Aspect:
    return next(
        entry
        for entry in book(graded, "EE HPC WG").aspects
        if entry.name.startswith(number) and entry.level == level
    )


def check(entry: Aspect, word: str) -> Check:
    return next(one for one in entry.checks if word in one.asked)


@pytest.mark.parametrize(
    ("value", "limit", "least", "shown"),
    [
        (59.96, 60.0, True, "59.9"),
        (59.99996, 60.0, True, "59.9"),
        (60.0, 60.0, True, "60.0"),
        (60.04, 60.0, True, "60.04"),
        (4.99, 5.0, False, "4.99"),
        (4.9995, 5.0, False, "4.9995"),
        (5.0001, 5.0, False, "5.01"),
        (123456.7, 60.0, True, "123456"),
        (0.0, 2.0, True, "0"),
    ],
)
def test_no_figure_is_rounded_across_its_limit(
    value: float, limit: float, least: bool, shown: str
) -> None:
    """59.96 s is not 60 s, and 4.9995 % stays below 5 %."""
    assert figure(value, limit, least=least) == shown


@given(
    st.floats(1e-6, 1e6),
    st.sampled_from([1.0, 2.0, 5.0, 10.0, 60.0]),
    st.booleans(),
    st.floats(-1e-7, 1e-7),
)
def test_a_figure_stands_on_its_own_side(
    value: float, limit: float, least: bool, near: float
) -> None:
    """Far from the limit or next to the limit, the figure is on the same side as the value, and
    never flatters.
    """
    for x in (value, limit * (1 + near)):
        shown = float(figure(x, limit, least=least))
        assert (shown > limit, shown < limit) == (x > limit, x < limit)
        assert shown <= x if least else shown >= x


def test_a_wall_meter_passes_level_one() -> None:
    """Every aspect of level 1 passes for a good meter at the wall on a whole machine; the higher
    levels ask for facts that a measurement does not contain.
    """
    graded = grade(metered(), machine_nodes=1)
    assert [aspect(graded, number).result for number in "1234"] == ["pass"] * 4
    assert book(graded, "EE HPC WG").gives is None
    assert book(graded, "EE HPC WG").why.startswith("passes level 1; not known beyond it: ")
    training = book(graded, "MLPerf® Training power")
    assert training.gives is None
    assert training.why == "not known: files and scoring"


def test_a_level_needs_every_aspect_known() -> None:
    """A measurement does not contain the size of the machine: no level is given, but failed aspects
    are named.
    """
    short = metered(seconds=59.96)
    unknown = book(grade(short), "EE HPC WG")
    assert unknown.gives is None
    assert unknown.why.startswith("fails level 1 in 1 granularity")
    assert "not known" in unknown.why
    coarse = metered(seconds=59.96, boundary="node-dc", u_rel=0.09, channels=())
    assert (
        book(grade(coarse, machine_nodes=100), "EE HPC WG").gives is None
    )  # how often it updates is not known


def test_the_lowest_aspect_decides() -> None:
    """If the level of every aspect is known, the lowest level is the grade."""
    worst = metered(seconds=30.0, boundary="compute")
    assert book(grade(worst, machine_nodes=1000), "EE HPC WG").gives == "no level"


def test_a_core_phase_of_less_than_a_minute_fails() -> None:
    """The shortest repeat counts, to the last digit."""
    for seconds, result, shown in ((59.96, "fail", "59.9 s"), (60.0, "pass", "60.0 s")):
        entry = check(aspect(grade(metered(seconds=seconds)), "1"), "core phase of")
        assert (entry.result, entry.found) == (result, f"shortest repeat {shown}")


def test_sensors_behind_the_conversion_never_pass_its_point() -> None:
    """RAPL and NVML alone fail aspect 4 at every level, and so does a DC meter without a modelled
    loss.
    """
    for boundary in ("compute", "device", "node-dc"):
        graded = grade(metered(boundary=boundary), machine_nodes=1)
        assert {aspect(graded, "4", level).result for level in "123"} == {"fail"}
    assert check(aspect(grade(metered()), "4"), "upstream").result == "pass"


@pytest.mark.parametrize(
    ("u_rel", "distribution", "levels"),
    [
        (0.05 / math.sqrt(3), "rectangular", "1"),
        (0.0500001 / math.sqrt(3), "rectangular", ""),
        (0.004, "rectangular", "123"),
        (0.011, "normal", "1"),
    ],
)
def test_accuracy_is_the_limit_of_error(u_rel: float, distribution: str, levels: str) -> None:
    """A gain's standard uncertainty becomes a limit: √3·u of a rectangle, 1.96·u of a normal; 5, 2
    and 1 % by level.
    """
    graded = grade(metered(u_rel=u_rel, distribution=distribution))
    passed = "".join(
        level for level in "123" if check(aspect(graded, "4", level), "a meter").result == "pass"
    )
    assert passed == levels


def test_machine_fraction() -> None:
    """The largest of fraction, power and nodes; a whole machine passes; at level 1 also 40 kW."""
    big = {"power_w": combine(200.0, [])}  # of one node: 3 kW on 15 nodes
    assert aspect(grade(metered(nodes=15, **big), machine_nodes=150), "2").result == "pass"
    assert aspect(grade(metered(nodes=15, **big), machine_nodes=151), "2").result == "fail"
    assert aspect(grade(metered(nodes=14, **big), machine_nodes=20), "2").result == "fail"
    assert aspect(grade(metered(nodes=15, **big), machine_nodes=100), "2", "2").result == "fail"
    assert (
        aspect(grade(metered(nodes=2, power_w=combine(20e3, [])), machine_nodes=900), "2").result
        == "pass"
    )
    assert aspect(grade(metered(), machine_nodes=1), "2", "3").result == "pass"
    assert "1 node, 1.00 kW" in aspect(grade(metered()), "2").checks[0].found


def test_an_estimate_fails_for_that_reason() -> None:
    """Time x assumed power is not a measurement in any book."""
    graded = grade(metered(quality="estimated"), machine_nodes=1)
    assert all(aspect(graded, number).result == "fail" for number in "1234")
    assert check(aspect(graded, "1"), "sample a second").found == "no sensor: time x assumed power"
    assert book(graded, "MLPerf® Training power").gives == "does not conform"


def test_a_modelled_part_has_no_meter() -> None:
    """With modelled memory, neither the node nor an accuracy was measured."""
    parts = (
        Part(component="node.ac", device="n1", state="measured"),
        Part(component="cpu.dram", device="n1", state="modelled", low_w=1.0, high_w=2.0),
    )
    graded = grade(metered())
    mixed = msgspec.structs.replace(
        metered(quality="mixed"), boundary=Boundary(name="node-ac", parts=parts)
    )
    assert aspect(graded, "3").result == "pass"
    assert aspect(grade(mixed), "3").result == "fail"
    assert check(aspect(grade(mixed), "4"), "a meter").found == "cpu.dram: modelled, no meter"


def test_a_lost_sensor_leaves_the_core_phase_uncovered() -> None:
    """A gap fails the check of the whole core phase; the finding is the message of the doubt."""
    lost = Doubt(code="sensor-lost", message="nothing for 3.0 s", remedy="see the log")
    entry = check(aspect(grade(metered(doubts=(lost,))), "1"), "whole core phase")
    assert (entry.result, entry.found) == ("fail", "nothing for 3.0 s")


def test_what_is_not_known_is_not_passed() -> None:
    """A sensor with an unknown update period passes no sampling rule; a program may have used
    further nodes.
    """
    channels = tuple(
        msgspec.structs.replace(channel, update_period_s=None) for channel in metered().channels
    )
    assert (
        check(aspect(grade(metered(channels=channels)), "1"), "sample a second").result == "unknown"
    )
    program = grade(metered(workload=None, command=("./a",)))
    assert aspect(program, "3").result == "unknown"
    assert book(grade(metered()), "MLPerf® Inference power").gives is None


def test_level_three_wants_integrated_energy() -> None:
    """A power reading, or a counter of a part of every period, is not integrated energy; the
    sampling inside a counter is unknown.
    """
    results = {}
    for name, changes in (
        ("counter", {}),
        ("power", {"kind": "power"}),
        ("partial", {"window_s": 0.025}),
    ):
        channels = tuple(
            msgspec.structs.replace(channel, **changes) for channel in metered().channels
        )
        results[name] = check(
            aspect(grade(metered(channels=channels)), "1", "3"), "integrated"
        ).result
    assert results == {"counter": "unknown", "power": "fail", "partial": "fail"}


def test_sixty_samples() -> None:
    """MLPerf Training wants 60 samples of the slowest sensor in a run."""
    for seconds, result in ((59.9, "fail"), (60.0, "pass")):
        entry = book(grade(metered(seconds=seconds, interval_s=1.0)), "MLPerf® Training power")
        assert (
            next(aspect.result for aspect in entry.aspects if aspect.name == "sampling") == result
        )


def test_a_grade_is_one_document() -> None:
    """A grade survives the JSON of the contract unchanged."""
    graded = grade(metered())
    text = msgspec.json.encode(graded)
    assert msgspec.json.decode(text, type=Grade) == graded
    assert msgspec.json.decode(text)["kind"] == "grade"


def test_a_part_of_a_repeat_passes_no_time_span() -> None:
    """The measured time is not the core phase: time span, full run and score fail, and say why."""
    graded = grade(metered(partial=True))
    span = aspect(graded, "1", "2")
    assert check(span, "average").result == "fail"
    assert check(span, "full run").result == "fail"
    (score,) = [
        entry for entry in book(graded, "MLPerf® Training power").aspects if entry.name == "score"
    ]
    assert "part of the work" in check(score, "same run").found
    assert score.result == "fail"
