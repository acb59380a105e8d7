"""What every registered report promises, built-in or not: it is pure, shows every document, and
costs nothing until it renders.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from energybench.errors import BadInput
from energybench.plugins import Report, load, registered
from tests.reports.samples import SAMPLES

NAMES = list(registered("reports"))


def test_the_built_in_formats_are_registered() -> None:
    """The four formats come in by the same door as anyone's."""
    assert {"html", "json", "markdown", "terminal"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_has_name_and_suffix(name: str) -> None:
    """It goes by the name it is registered under, and its files end in a suffix with a dot."""
    report = load("reports", name)
    assert isinstance(report, Report)
    assert report.name == name
    assert report.suffix.startswith(".")
    assert len(report.suffix) > 1


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", NAMES)
def test_renders_every_document_and_is_pure(name: str, sample: str) -> None:
    """The same document gives the same bytes, from one instance, from another, and from an equal
    document made anew.
    """
    report = load("reports", name)
    try:
        first = report.render(SAMPLES[sample]())
    except BadInput as error:
        pytest.skip(str(error))
    assert isinstance(first, bytes)
    assert first
    assert report.render(SAMPLES[sample]()) == first
    assert load("reports", name).render(SAMPLES[sample]()) == first


@pytest.mark.parametrize("name", NAMES)
def test_loading_imports_no_charting_library(name: str) -> None:
    """Listing the reports stays quick: altair and vl-convert are imported by render, never by
    import.
    """
    code = (
        f"import sys; from energybench.plugins import load; load('reports', {name!r}); "
        f"print({{'altair', 'vl_convert', 'pandas'}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"
