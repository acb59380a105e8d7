"""pytest as one side of a comparison: `energybench ab --baseline` starts pytest and judges the
energies.

At the end of the session the plugin writes a file with the energies of the passed tests and further
facts for the comparison. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from energybench.pytest_plugin.attempts import RECORDS
from energybench.pytest_plugin.gates import CI_RECORD, decoded
from energybench.pytest_plugin.record import Record

if TYPE_CHECKING:
    from energybench.pytest_plugin.session import EnergySession

# Names of the imports, and of the mark of energy tests, in reports.
_IMPORTED, _ENERGY_TEST = "energybench_imported", "energybench_energy_test"
_FAILED = "the test failed"
# Folders with a project's packages, below the project's folder.
_LAYOUTS = ("", "src", "lib", "python")


class Side:
    """The pytest plugin that measures one side of a comparison and writes the report of the side.

    measures  whether a test has a fixture that measures energy
    """

    def __init__(
        self,
        config: pytest.Config,
        session: EnergySession,
        measures: Callable[[pytest.Item], bool],
    ) -> None:
        self._config, self._session = config, session
        self._measures = measures
        self._worker = hasattr(config, "workerinput")
        self._file = Path(config.getoption("benchmark_energy_side"))
        only = config.getoption("benchmark_energy_only")
        self._only = None if only is None else tuple(json.loads(Path(only).read_text("utf-8")))
        self._passed: set[str] = set()
        self._failed: dict[str, bool] = {}  # by test: whether the test is an energy test
        self._imported: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep only the tests to measure again."""
        if self._only is None:
            return
        wanted = [item for item in items if self._is_wanted(item.nodeid)]
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted

    def _is_wanted(self, test: str) -> bool:
        """Whether a test is wanted. A wanted name is a test, or a test and the label of a use of
        the fixture.
        """
        return any(name == test or name.startswith(f"{test} ") for name in self._only or ())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if self._measures(item):
            setattr(report, _ENERGY_TEST, True)
        if getattr(report, RECORDS, None):
            setattr(report, _IMPORTED, imported(_roots(self._config)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._worker:
            return
        if report.failed:
            self._failed[report.nodeid] = getattr(report, _ENERGY_TEST, False)
        elif report.passed and report.when == "call":
            self._passed.add(report.nodeid)
        self._imported.update(getattr(report, _IMPORTED, {}))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if self._worker:
            return
        from energybench.gating.side_reports import SCHEMA, SideReport, write

        tests: dict[str, Any] = {}
        unmeasured: dict[str, str] = {}
        limits: dict[str, dict[str, float]] = {"max_j": {}, "max_regression": {}}
        measured = self._session.attempts.records
        for record in measured:
            name = f"{record['test']} {record['label']}".strip()
            for limit, by_name in limits.items():
                if limit in record:
                    by_name[name] = record[limit]
            readable = decoded([record[CI_RECORD]]) if CI_RECORD in record else []
            if record["test"] in self._failed:
                unmeasured[name] = _FAILED
            elif record["test"] not in self._passed:
                unmeasured[name] = "the test did not pass"
            elif "not_alone" in record:
                unmeasured[name] = record["not_alone"]
            elif readable:
                tests[name] = readable[0]
            else:
                unmeasured[name] = record.get("why", "no energy")
        known = {record["test"] for record in measured}
        failed = [test for test, of_energy in self._failed.items() if of_energy]
        unmeasured.update({test: _FAILED for test in failed if test not in known})
        report = SideReport(
            schema=SCHEMA,
            tests=tuple(tests.values()),
            failed=tuple(self._failed),
            # a test that ran several times may have one run without energy
            unmeasured={name: why for name, why in unmeasured.items() if name not in tests},
            imported=self._imported,
            marker_faults=tuple(self._session.marker_faults.lines().values()),
            off=self._session.off,
            more_s=more_s(measured, self._session.settings.all_windows),
            **limits,
        )
        write(report, self._file)


def more_s(records: Sequence[Record], windows: int) -> float:
    """Time of the windows that a rehearsal leaves out, s."""
    lengths_s: list[float] = [
        max(0, windows - record["windows"]) * record["window_s"]
        for record in records
        if "windows" in record
    ]
    return sum(lengths_s)


def imported(roots: Sequence[Path]) -> dict[str, str]:
    """Files of imported packages and modules that also exist in the project, by name.

    Only top-level packages count; for a namespace package (without a file) its members count.
    """
    files: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        first, *rest = name.split(".")
        if not isinstance(file, str) or first in sys.stdlib_module_names or first == "__main__":
            continue
        in_namespace = getattr(sys.modules.get(first), "__file__", None) is None
        if len(rest) == in_namespace and _has(roots, name):
            files[name] = str(Path(file).absolute())
    return files


def _has(roots: Sequence[Path], name: str) -> bool:
    """Whether the project has a package or module with this name."""
    path = name.replace(".", "/")
    files = (f"{path}/__init__.py", f"{path}.py", f"{path}.pyx")
    return any((root / file).is_file() for root in roots for file in files)


def _roots(config: pytest.Config) -> list[Path]:
    """Folders in which the project's packages may lie."""
    places = dict.fromkeys((config.rootpath, config.invocation_params.dir))
    roots = [place / layout for place in places for layout in _LAYOUTS]
    try:
        stated = config.getini("pythonpath")
    except ValueError:  # without pytest's own plugin for it
        return roots
    return [*roots, *(config.rootpath / str(path) for path in stated)]
