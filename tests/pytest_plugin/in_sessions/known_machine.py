"""In every session of these tests: the timer's precision and the machine's description are given.
pytest-benchmark 4.0 takes a second of CPU time to find out the one, and as long for the other.
"""

from __future__ import annotations

import time
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("benchmark"):
        from pytest_benchmark.fixture import BenchmarkFixture

        BenchmarkFixture._precisions[time.perf_counter] = 5e-8


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    return {"node": "known", "cpu": {"brand_raw": "of the tests"}}
