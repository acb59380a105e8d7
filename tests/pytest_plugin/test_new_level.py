"""A new level of energy is accepted by one session, and judged from then on."""

from __future__ import annotations

from tests.pytest_plugin.runs import Pytest
from tests.pytest_plugin.spending import GATE, SIX, SPENDS, five_sessions, verdict

NEW_LEVEL = "--benchmark-energy-new-level"


def test_accepted_level(spending: Pytest) -> None:
    """Without the option, the gate fails by the new level and names the step; with it, neither the
    old sessions nor the gate of that very session stand against it.
    """
    spending.write(SPENDS.format(fixture="energy_benchmark"))
    save = "--benchmark-energy-save"
    assert spending.measure(SIX, save, JOULES="1").code == 0
    five_sessions(spending)
    risen = spending.measure(SIX, save, JOULES="10")
    assert risen.code == 0, risen.out
    stepped = spending.measure(GATE, SIX, JOULES="10")
    assert NEW_LEVEL in verdict(stepped)

    accepted = spending.measure(GATE, SIX, NEW_LEVEL, JOULES="10")
    assert accepted.code == 0, accepted.out
    assert "no baseline: its energy is accepted as a new level" in verdict(accepted)
    assert "energybench: saved as a new level as " in accepted.out

    same = spending.measure(GATE, SIX, save, JOULES="10")
    assert same.code == 0, same.out
    assert "one saved run" in verdict(same)
    assert "since the level accepted on 20" in verdict(same)


def test_option_has_no_effect_without_a_measurement(alone: Pytest) -> None:
    alone.write("def test_it():\n    pass\n")
    assert f"{NEW_LEVEL} has no effect without --benchmark-energy" in alone.run(NEW_LEVEL).out
