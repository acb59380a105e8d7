"""Gates that failed: the test is no baseline, its figures are told, and nothing was stopped."""

from __future__ import annotations

import json
import re

from tests.pytest_plugin.runs import QUICK, Pytest
from tests.pytest_plugin.spending import GATE, SIX, SPENDS, five_sessions, verdict


def test_a_regression_that_fails_is_no_baseline(spending: Pytest) -> None:
    """A session that is judged and saved in one command marks the test whose gate failed, so that
    the gate fails by the same energy as often as it is measured.
    """
    spending.write(SPENDS.format(fixture="energy_benchmark"))
    spending.write(
        SPENDS.format(fixture="energy_benchmark").replace('int(os.environ["JOULES"])', "1"),
        "test_other.py",
    )
    both = (GATE, SIX, "--benchmark-energy-save")
    assert spending.measure(*both, JOULES="1").code == 0
    five_sessions(spending)
    for saved in (6, 7):
        risen = spending.measure(*both, JOULES="10")
        assert risen.code == 1, risen.out
        assert "FAILED test_it.py::test_it" in risen.out
        assert "5 saved sessions" in verdict(risen)
        assert "confirmed" in verdict(risen)
        assert risen.row("    measured once more for its gate: ")
        assert re.search(r"energybench: saved as .*; no baseline: 1 test whose gate", risen.out)
        history = sorted((spending.folder / ".energybench" / "history").iterdir())
        assert len(history) == saved
        tests = json.loads(history[-1].read_text())["tests"]
        assert {test["name"]: test.get("gate_failed", False) for test in tests} == {
            "test_it.py::test_it": True,
            "test_other.py::test_it": False,
        }


def test_a_limit_that_fails_is_no_baseline(newest: Pytest) -> None:
    """It is marked in the history, and its energy is in the JSON, for the summary of the job; the
    gate's line says that the limit was exceeded twice, and the table shows both measurements.
    """
    newest.write(
        """
        import time
        import pytest

        @pytest.mark.energy(max_j=0.1)
        def test_over(benchmark):
            benchmark(time.sleep, 0.02)
        """
    )
    session = newest.measure(*QUICK, "--benchmark-energy-save", "--benchmark-json=out.json")
    assert session.code == 1, session.out
    assert re.search(r"over limit: .* for a limit of 100 mJ; confirmed", verdict(session))
    again = re.search(r"over limit: (.*) for a limit", verdict(session))
    assert again is not None
    assert session.row("    measured once more for its gate: ").endswith(again[1])
    (saved,) = (newest.folder / ".energybench" / "history").iterdir()
    (test,) = json.loads(saved.read_text())["tests"]
    assert test["gate_failed"]
    assert session.energies["test_over"]["energy_j"][0] > 0.1


def test_gates_stop_nothing(alone: Pytest) -> None:
    """All tests have run before the gates judge: --maxfail says that it stopped only if it did."""
    alone.write(
        """
        import os
        import time
        import pytest

        @pytest.mark.energy(max_j=1e-3)
        @pytest.mark.parametrize("n", range(3))
        def test_over(energy_benchmark, n):
            energy_benchmark(time.sleep, 0.02)

        def test_fails():
            assert "FAILS" not in os.environ
        """
    )
    session = alone.measure("-x", "-k", "over")
    assert session.code == 1, session.out
    assert "3 failed, 3 passed" in session.lines[-1]
    assert "stopping after" not in session.out
    session = alone.measure("-x", FAILS="1")
    assert "stopping after 1 failures" in session.out
    assert "4 failed, 3 passed" in session.lines[-1]
