"""Verdicts at a true ratio of 1, in the cells where few repeats once gave wrong ones
(benchmarks/verdicts.py counts all cells with 300 runs each).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from energybench.analysis.uncertainty import draws, effects

SCRIPT = Path(__file__).parents[2] / "benchmarks/verdicts.py"


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The benchmark as a module, with a shorter Monte Carlo."""
    spec = importlib.util.spec_from_file_location("verdicts", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    tables = (draws.quantiles, draws.probabilities, draws.shuffled, draws.standard_draws)
    for module_with_draws in (draws, effects):
        monkeypatch.setattr(module_with_draws, "DRAWS", 1000)
    for table in tables:
        table.cache_clear()
    yield module
    for table in tables:
        table.cache_clear()
    del sys.modules[spec.name]


@pytest.mark.parametrize("repeats", [(1, 1), (8, 1)])
def test_no_verdict_stands_on_a_single_repeat(
    verdicts: ModuleType, repeats: tuple[int, int]
) -> None:
    """Of one repeat on a side nothing is decided, at any ratio."""
    for ratio in (1.0, 1.3):
        found = verdicts.judged(verdicts.Cell(*repeats, 0.02, ratio), 4)
        assert found.verdicts == {"inconclusive": 4}


@pytest.mark.parametrize("repeats", [(2, 8), (3, 3)])
def test_few_repeats_give_few_wrong_verdicts(
    verdicts: ModuleType, repeats: tuple[int, int]
) -> None:
    """At most 5 % of the verdicts are wrong: of 30, seven or more would come in one case of 1 000.
    The intervals hold the truth.
    """
    found = verdicts.judged(verdicts.Cell(*repeats, 0.05, 1.0), 30)
    assert found.wrong < 7
    assert found.covered > 23


def test_eight_repeats_show_a_difference(verdicts: ModuleType) -> None:
    """A ratio of 1.10 at a scatter of 2 % is better in nearly all cases."""
    found = verdicts.judged(verdicts.Cell(8, 8, 0.02, 1.10), 10)
    assert found.verdicts["better"] >= 9
