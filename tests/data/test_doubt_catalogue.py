"""The catalogue of doubts: one entry and one meaning for each code, and the page made from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energybench.analysis.energy import counter_check, idle_power, reading_holes, window_energy
from energybench.analysis.measurement import (
    doubts,
    node_table,
    profiles,
    roofline,
    sensor_doubts,
    steadiness,
    still_sensors,
)
from energybench.analysis.sensors import counter_evidence
from energybench.analysis.traces import frozen_readings, unwrap
from energybench.analysis.traces.slow_updates import SLOWEST_S
from energybench.analysis.uncertainty import settling
from energybench.calibrating import machine_limits
from energybench.collectors import pm_counters
from energybench.data.doubt_catalogue import CODES, catalogue, explain, page
from energybench.errors import BadInput
from energybench.measuring import descendants, moments, other_load, plan, warming
from energybench.meters import clock_offset, outliers, power_slope, prior_contradiction
from energybench.projecting import mix
from energybench_workloads import trainings
from energybench_workloads.dpsgd import doubts as privacy
from energybench_workloads.dpsgd.spec import DEFAULT_SEED
from energybench_workloads.dpsgd.statement import GUESSED

ROOT = Path(__file__).parents[2]
SCENARIOS = "energybench/data/scenarios"


def percent(share: float) -> str:
    return f"{100 * share:g} %"


# The words with which the test of a code states each of its thresholds.
THRESHOLDS = {
    "above-limit": [f"above {roofline._ABOVE}"],
    "clock-drift": [percent(steadiness._CLOCK_REL), "three standard errors"],
    "clock-offset": [percent(clock_offset.CONFIDENCE), percent(clock_offset._VARIES)],
    "counter-power-disagree": [f"{percent(counter_check._DISAGREE)} plus three"],
    "counter-slow": [f"{SLOWEST_S:g} s"],
    "counter-reset": [f"{unwrap._RESET_AFTER} readings in a row"],
    "descendants-run": [f"{descendants._GRACE_S} s", percent(descendants._AT_WORK)],
    "diverging": [f"{trainings._GROWN:g} times"],
    "guessable-seed": [f"2^{GUESSED.bit_length() - 1}"],
    "idle-drift": [
        f"more than {percent(idle_power._DRIFTED)}",
        f"more than {percent(idle_power._MATTERS)}",
        "three standard uncertainties",
    ],
    "jitter": [percent(doubts._LATE)],
    "known-seed": [f"The seed is {DEFAULT_SEED},"],
    "limit-low": [percent(roofline.LOW)],
    "limit-unsteady": [f"below {roofline._UNSTEADY} of the best"],
    "limits-disturbed": [f"{machine_limits.MOST} tries", percent(machine_limits._DISTURBED)],
    "limits-old": [f"{profiles.OLD_DAYS} days"],
    "meter-outliers": [
        f"{outliers._LEAST} readings or more",
        f"{outliers._DEVIATIONS:g} standard deviations",
        f"{outliers._STEPS:g} steps",
        percent(outliers._SHARE),
        f"up to {outliers._NEARBY:g} readings away",
        f"by {percent(outliers._MATTERS)} or more",
    ],
    "meter-slope": [
        f"{1 + power_slope._ADDED:g} times",
        f"{prior_contradiction.MOST_U:g} standard uncertainties",
    ],
    "min-window-missed": [f"({plan.MIN_WINDOW_S:g} s unless stated)"],
    "measuring-stopped": [f"{moments.STOPPED_S} s", f"{reading_holes.HOLE_S} s"],
    "missed-samples": [percent(doubts._MISSED)],
    "node-partial": [f"less than {percent(node_table.COVERED)}"],
    "not-settled": [
        f"at least {settling.LAST}",
        percent(settling.WITHIN_REL),
        "two standard errors",
        f"less than {warming.LONG_RUN_S:g} s",
    ],
    "other-load": [f"{other_load.LEAST_CORES} cores", percent(other_load.LEAST_SHARE)],
    "pm-clock": [
        f"{pm_counters._OLDEST_STAMP_S:g} s behind",
        f"{1e3 * pm_counters._STAMP_SLACK_S:g} ms ahead",
    ],
    "profile-old": [f"{profiles.OLD_DAYS} days"],
    "ratio-inconsistent": [percent(mix._CONSISTENT)],
    "reading-gap": [f"{reading_holes.HOLE_S} s"],
    "sampling-counter": [
        percent(counter_evidence._NEARLY_ALL),
        f"at least {counter_evidence._STEPS}",
    ],
    "sampling-error": [percent(sensor_doubts.TARGET_REL)],
    "sensor-lost": [f"{window_energy._UNREAD} updates", f"{window_energy._LATE_S} s"],
    "short-window": [f"{doubts._SHORT_PERIODS} updates"],
    "stuck-sensor": [
        f"at least {still_sensors._STUCK}",
        f"{SLOWEST_S:g} s",
        f"{frozen_readings._TIMES} times as long",
    ],
    "target-missed": [f"({plan.MAX_REPEATS} unless", f"({percent(plan.TARGET_REL)} unless"],
    "temperature-drift": [f"{steadiness._TEMPERATURE_C:g} °C"],
    "trend": [f"is {doubts._TREND} or more", f"{percent(doubts._TREND_SPAN - 1)} above"],
    "unscaled": [f"larger than {privacy._SCALED:g}"],
    "unusable": [
        f"{sensor_doubts._SMEARED} of the sensor's averaging window",
        f"fewer than {sensor_doubts._READINGS} readings",
        f"fewer than {sensor_doubts._BRIEF};",
        f"fewer than {sensor_doubts._UPDATES} updates",
    ],
    "weak-privacy": [f"larger than {privacy.WEAK_EPSILON:g}"],
}
# Factors that the words of a test spell out.
SPELLED = (
    (steadiness._SIGMAS, 3.0),
    (idle_power._CERTAIN, 3.0),
    (settling._STANDARD_ERRORS, 2.0),
)


def test_every_code_has_an_entry_and_every_entry_a_code() -> None:
    """The typed list and the catalogue hold the same codes."""
    assert catalogue()
    assert set(catalogue()) == set(CODES)


def test_every_entry_is_whole_and_has_a_meaning_of_its_own() -> None:
    """Title, meaning, test, effect and remedy; no two codes have the same title or meaning."""
    entries = catalogue().values()
    for entry in entries:
        for sentence in (entry.meaning, entry.test, entry.effect, entry.remedy):
            assert re.match(r"[A-Z`δε\d-]", sentence), entry.code
            assert sentence.endswith("."), entry.code
        assert re.fullmatch(r"[A-Zb].{6,58}[^.]", entry.title), entry.code
    assert len({entry.meaning for entry in entries}) == len(CODES)
    assert len({entry.title for entry in entries}) == len(CODES)


@pytest.mark.parametrize("code", sorted(THRESHOLDS))
def test_a_threshold_in_words_is_the_threshold_in_the_code(code: str) -> None:
    """The test of an entry names the constants by which the doubt is raised."""
    for words in THRESHOLDS[code]:
        assert words in catalogue()[code].test


def test_the_spelled_factors_are_those_in_the_code() -> None:
    assert all(constant == spelled for constant, spelled in SPELLED)


def test_a_code_is_read_as_it_is_printed() -> None:
    """Brackets and capitals of a printed code do not matter."""
    for code in ("[one-node]", "ONE-NODE", " [One-Node] "):
        assert explain(code).code == "one-node"


def test_every_code_is_used() -> None:
    """A code that the project itself never states is a note of a plugin."""
    sources = [
        path.read_text("utf-8")
        for folder, pattern in (
            ("energybench", "*.py"),
            ("workloads", "*.py"),
            (SCENARIOS, "*.toml"),
        )
        for path in (ROOT / folder).rglob(pattern)
        if path.parent.name != "model" or path.name != "doubts.py"
    ]
    text = "\n".join(sources)
    unused = {code for code in CODES if f'"{code}"' not in text}
    assert unused == {"scenario-note"}


def test_the_page_in_the_docs_is_the_catalogue() -> None:
    """docs/doubts.md is what `energybench explain --markdown` prints."""
    assert (ROOT / "docs/doubts.md").read_text("utf-8") == page()


def test_an_unknown_code_is_refused() -> None:
    """A code that does not exist is an input error, with the nearest codes and the list."""
    with pytest.raises(BadInput, match="is not the code of a doubt") as refusal:
        explain("one-nod")
    assert "did you mean one-node" in refusal.value.remedy
    with pytest.raises(BadInput) as refusal:
        explain("xyzzy")
    assert "did you mean" not in refusal.value.remedy
    assert "`energybench explain` without a code" in refusal.value.remedy
