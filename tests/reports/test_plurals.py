"""No format says "1 nodes"."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec import structs

from energybench.model import Document
from energybench_reports.markdown import Markdown
from energybench_reports.terminal import Terminal
from tests.reports.sample_many import applications
from tests.reports.samples import SAMPLES

# nouns that a report counts
NOUNS = (
    "application|board|cell|channel|character|check|comparison|core|day|device|entrie|figure|GPU|"
    "input|instance|line|node|pair|part|point|processe|ratio|reading|repeat|result|row|run|sample|"
    "server|socket|step|task|unit|year"
)
WRONG = re.compile(rf"(?<![\d.,\u202f])(?:of )?1 (?:more )?(?:{NOUNS})s\b")


@pytest.mark.parametrize("sample", [*SAMPLES, "one application"])
@pytest.mark.parametrize("report", [Markdown(), Terminal()], ids=lambda report: report.name)
def test_one_thing_is_not_several(report: Markdown | Terminal, sample: str) -> None:
    """Over every sample, and over a single application."""
    made: dict[str, Callable[[], Document]] = {
        **SAMPLES,
        "one application": lambda: structs.replace(applications(1), title="One"),
    }
    text = report.render(made[sample]()).decode()
    assert WRONG.findall(text) == []


def test_the_pattern_finds_a_wrong_plural() -> None:
    """The check itself can fail."""
    assert WRONG.search("ran on 1 nodes, with 1 more runs")
    assert not WRONG.search("1 node, 11 nodes, 0.1 nodes, 1 run")
