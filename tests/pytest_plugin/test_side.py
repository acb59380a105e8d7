"""pytest as one side of `energybench ab --baseline`: its report, also from workers of xdist."""

from __future__ import annotations

import json

from energybench.gating.side_reports import read
from tests.pytest_plugin.runs import Pytest

TESTS = """
    import shop
    import pytest

    @pytest.mark.energy(max_j=1e-9, max_regression="30%")
    def test_it(energy_benchmark):
        energy_benchmark.use("cold")(shop.work)
        energy_benchmark.use("warm")(shop.work)

    def test_breaks(energy_benchmark):
        energy_benchmark(shop.work)
        assert False

    def test_breaks_before(energy_benchmark):
        assert False

    def test_ordinary():
        assert False

    @pytest.mark.xfail
    def test_unfinished(energy_benchmark):
        energy_benchmark(shop.work)
        assert False
"""
IT = "test_it.py::test_it"


def test_a_report_with_workers(alone: Pytest) -> None:
    """Energies of the tests that passed, what failed, limits, and the project's own packages; no
    gate is applied.
    """
    alone.write(TESTS)
    alone.write("def work():\n    return sum(range(1000))\n", "shop.py")
    options = ("--benchmark-energy-side=side.json", "--benchmark-energy-rehearsal", "-n", "2")
    session = alone.measure(*options)
    assert session.code == 1
    assert "energy gates" not in session.out
    report = read(alone.folder / "side.json")
    assert report is not None, session.out
    assert [one.name for one in report.tests] == [f"{IT} cold", f"{IT} warm"]
    assert all(one.rounds == 1 for one in report.tests)
    failing = ("test_breaks", "test_breaks_before", "test_ordinary")
    assert set(report.failed) == {f"test_it.py::{name}" for name in failing}
    assert report.unmeasured == {
        "test_it.py::test_breaks": "the test failed",
        "test_it.py::test_breaks_before": "the test failed",
        "test_it.py::test_unfinished": "the test did not pass",
    }
    assert report.max_j == {f"{IT} cold": 1e-9, f"{IT} warm": 1e-9}
    assert report.max_regression[f"{IT} cold"] == 0.3
    assert report.imported["shop"] == str(alone.folder / "shop.py")
    assert "pytest" not in report.imported
    assert report.more_s > 0

    (alone.folder / "only.json").write_text(json.dumps([f"{IT} warm"]))
    session = alone.measure(*options, "--benchmark-energy-only=only.json")
    assert session.code == 0
    assert "1 passed" in session.lines[-1]
