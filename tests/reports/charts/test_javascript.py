"""The library of the charts that ships with the package."""

from __future__ import annotations

import gzip

import pytest

from energybench_reports.charts import javascript


def test_the_library_is_that_of_vl_convert(request: pytest.FixtureRequest) -> None:
    """Byte by byte the program that vl-convert makes for this Vega-Lite."""
    converter = pytest.importorskip("vl_convert")
    if converter.get_vegalite_versions()[-1] != javascript.VEGA_LITE:
        pytest.skip("the installed vl-convert has another Vega-Lite")
    made = converter.javascript_bundle(vl_version=javascript.VEGA_LITE)
    if request.config.getoption("--update-golden"):
        javascript.FILE.write_bytes(gzip.compress(made.encode(), 9, mtime=0))
    assert javascript.code() == made


def test_the_library_has_its_licence_beside_it() -> None:
    """Pages and packages pass the library on, which its licences allow with their text."""
    licence = (javascript.FILE.parent / "LICENSE-vega.txt").read_text("utf-8")
    for holder in ("University of Washington", "Trifacta", "Mike Bostock", "Simon Lydell"):
        assert holder in licence
