"""Sessions in which the energy is off: the options of pytest-benchmark, codspeed, no plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pytest_plugin.runs import QUICK, Pytest, prepared
from tests.pytest_plugin.test_benchmark_fixture import TWO


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--benchmark-disable"], "energybench: energy is off: --benchmark-disable"),
        (["-q", "--benchmark-disable"], "energybench: energy is off: --benchmark-disable"),
    ],
)
def test_off_is_said_in_one_line(newest: Pytest, options: list[str], line: str) -> None:
    newest.write(TWO)
    session = newest.measure(*options)
    assert line in session.lines
    assert "energy per iteration" not in session.out
    assert session.code == 0


def test_beside_codspeed(newest: Pytest) -> None:
    """With --codspeed energy is off, in one line; without it the tests are measured."""
    codspeed = prepared("codspeed")
    both = newest._replace(packages=(codspeed, *newest.packages))
    both.write(TWO)
    off = both.measure("--codspeed", "--codspeed-max-time=0.1", "--codspeed-warmup-time=0")
    assert "energybench: energy is off: --codspeed measures these tests in its own way" in off.lines
    assert off.code == 0, off.out
    assert not off.table
    assert both.measure(*QUICK, "-k", "first").row("test_first ")


def test_without_the_plugin_nothing_is_left(newest: Pytest) -> None:
    """-p no:energybench takes the options away, and tests run as ever."""
    newest.write(TWO)
    assert newest.run("-p", "no:energybench", *QUICK).code == 0
    assert newest.measure("-p", "no:energybench").code == 4


def test_installed_and_not_asked_for_imports_nothing(newest: Pytest) -> None:
    """Without --benchmark-energy the plugin is a few small modules."""
    newest.write(
        """
        import sys

        def test_it(energy_benchmark, benchmark):
            assert energy_benchmark(int) == 0
            assert benchmark(int) == 0
            assert not benchmark.extra_info
            names = {name for name in sys.modules if name.startswith("energybench")}
            assert names == {
                "energybench",
                "energybench.api",
                "energybench.api.later_work",
                "energybench.pytest_plugin",
                "energybench.pytest_plugin.options",
                "energybench.pytest_plugin.plugin",
                "energybench.pytest_plugin.own_fixture",
                "energybench.pytest_plugin.loops",
                "energybench.real_clock",
                "energybench.sensor_root",
            }
            assert not {"numpy", "msgspec"} & set(sys.modules)
        """
    )
    session = newest.run(*QUICK, "-p", "no:hypothesispytest", "-W", "error")
    assert session.code == 0, session.out


def test_packages_that_are_not_prepared_fail_a_test_in_one_line(tmp_path: Path) -> None:
    """A suite without them would be green by skipping; so would one with those of an old list."""
    with pytest.raises(pytest.fail.Exception, match=r"are missing in .*: `make install`"):
        prepared("new", tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/.installed").write_text("pytest==1.0\n")
    with pytest.raises(pytest.fail.Exception, match=r"are of an earlier list in"):
        prepared("new", tmp_path)
