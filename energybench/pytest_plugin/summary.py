"""The end of a session in the terminal: the table, the gates, notices, and gates that failed.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from energybench.pytest_plugin import table
from energybench.pytest_plugin.record import Record


def write(
    reporter: pytest.TerminalReporter,
    title: str,
    records: Sequence[Record],
    verdicts: Sequence[str],
    notices: Sequence[str],
) -> None:
    """Write the table of the records, the lines of the gates, and the notices."""
    if records:
        reporter.ensure_newline()
        reporter.section(title, sep="-", yellow=True)
    for line in table.lines(records):
        reporter.write_line(line)
    if verdicts:
        reporter.section("energy gates", sep="-", yellow=True)
    for line in verdicts:
        reporter.write_line(line)
    for notice in notices:
        reporter.write_line(f"energybench: {notice}")


def fail(session: pytest.Session, test: str, line: str) -> None:
    """Report the failure of a gate as a second outcome of its test, as pytest reports an error of
    the tear-down: the counts of the last line, the list of failures, JUnit's file and --last-failed
    come from reports. All tests have run: --maxfail has nothing to stop, and must not say that it
    did.
    """
    option = session.config.option
    most, option.maxfail = option.maxfail, 0
    try:
        session.config.hook.pytest_runtest_logreport(report=_failure(test, line))
    finally:
        option.maxfail = most


def _failure(test: str, line: str) -> pytest.TestReport:
    """The report of a gate that failed."""
    file, _, rest = test.partition("::")
    return pytest.TestReport(
        nodeid=test,
        location=(file, None, rest.replace("::", ".")),
        keywords={},
        outcome="failed",
        longrepr=f"energy gate: {line}",
        when="call",
        sections=(),
        duration=0.0,
        start=0.0,
        stop=0.0,
        user_properties=[],
    )
