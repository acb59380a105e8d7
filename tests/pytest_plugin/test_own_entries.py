"""A test finds in `extra_info`, and among its properties, only what it wrote itself."""

from __future__ import annotations

from tests.pytest_plugin.runs import QUICK, Pytest

SOURCE = """
    import pytest

    def test_calls(benchmark, request):
        benchmark(sum, [1])
        assert benchmark.extra_info == {}
        assert request.node.user_properties == []

    def test_rounds(benchmark, request):
        benchmark.pedantic(sum, ([1],), rounds=4, iterations=200_000)
        benchmark.extra_info["mine"] = 1
        assert benchmark.extra_info == {"mine": 1}
        assert request.node.user_properties == []

    def test_own(energy_benchmark, request):
        energy_benchmark(sum, [1])
        assert request.node.user_properties == []

    @pytest.fixture
    def measured(benchmark):
        benchmark(sum, [1])
        return benchmark

    def test_in_set_up(measured, request):
        assert measured.extra_info == {}
        assert request.node.user_properties == []
"""


def test_energies_come_after_the_calls_of_a_test(pair: Pytest) -> None:
    pair.write(SOURCE)
    session = pair.measure(*QUICK, "--benchmark-json=out.json", "--junitxml=junit.xml")
    assert session.code == 0, session.out
    extra = {name: set(test["extra_info"]) for name, test in session.benchmarks.items()}
    assert extra == {
        "test_calls": {"energybench"},
        "test_rounds": {"energybench", "mine"},
        "test_in_set_up": {"energybench"},
    }
    names = {"energy_j", "energy_j_low", "energy_j_high", "energy_quality"}
    for test in ("test_calls", "test_rounds", "test_own", "test_in_set_up"):
        assert set(session.properties[test]) == names
