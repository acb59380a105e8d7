"""The entry point: options, the fixture `energy_benchmark`, and the session if energy is asked for.

Nothing else of energybench is imported until then. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from energybench.pytest_plugin import options

if TYPE_CHECKING:
    from energybench.pytest_plugin.own_fixture import EnergyBenchmark

SESSION = "energybench-session"
BENCHMARK = "energybench-benchmark"  # the plugin that overrides the fixture `benchmark`
SIDE = "energybench-side"  # the plugin of one side of a comparison


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", options.MARKER)
    if config.getoption("benchmark_energy"):
        from energybench.pytest_plugin.session import begin

        begin(config)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """A gate that was switched off by a lost option must not look like one that passed."""
    if words := options.without_switch(config):
        terminalreporter.write_line(words, yellow=True)


@pytest.fixture
def energy_benchmark(request: pytest.FixtureRequest) -> EnergyBenchmark:
    """Measure the energy of functions: `energy_benchmark(function, *args, **kwargs)`.

    Without --benchmark-energy every function runs once, unmeasured.
    """
    from energybench.pytest_plugin.own_fixture import EnergyBenchmark

    session = request.config.pluginmanager.get_plugin(SESSION)
    return EnergyBenchmark(request.node, session)
