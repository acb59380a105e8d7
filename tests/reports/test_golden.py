"""Every format over every sample, against a text that was read and approved."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from energybench_reports.charts.javascript import packed
from energybench_reports.csv_report import Csv
from energybench_reports.html import Html
from energybench_reports.json_report import Json
from energybench_reports.markdown import Markdown
from energybench_reports.terminal import Terminal
from tests.reports.samples import SAMPLES


def without_library(page: str) -> str:
    """The page without the JavaScript library and its hash, which nobody reads, and without the
    versions of the libraries.
    """
    lean = page.replace(packed(), "the library")
    lean = re.sub(r'name="generator" content="[^"]*"', 'name="generator" content="LIBRARIES"', lean)
    return re.sub(r"script-src 'sha256-[^']+'", "script-src 'sha256-LIBRARY'", lean)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    "report", [Csv(), Json(), Markdown(), Terminal(), Html()], ids=lambda report: report.name
)
def test_renders_as_it_was_read(
    report: Csv | Json | Markdown | Terminal | Html, sample: str, golden: Callable[[str, str], str]
) -> None:
    """A change in what people see is a change of a golden file, and is looked at."""
    actual = report.render(SAMPLES[sample]()).decode()
    if report.name == "html":
        pytest.importorskip("altair")
        actual = without_library(actual)
    assert golden(sample + report.suffix, actual) == actual
