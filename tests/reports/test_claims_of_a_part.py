"""A figure over several applications, tested with comparisons of some of them, in every format."""

from __future__ import annotations

from energybench.cli import projection_text
from energybench.model import Document
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from energybench.registry import load
from energybench_reports.tables.table import table
from tests.projecting.claim_files import APPS, HEAD, RATIO, claim, only


def test_each_mean_of_a_part_is_of_a_part() -> None:
    """The rows of the three means do not read as confirmed in any format."""
    head = HEAD.replace('"Beta code"]', '"Beta code", "Gamma"]')
    means = claim("c", 2.5, "speedup * cpu / gpu", of="not said")
    projection = project(parse(head + RATIO + means, "f.toml"), APPS, "f.toml")
    result = only(projection)
    assert (result.verdict, result.untested) == ("needs", ("Gamma",))
    assert any(one.holds for one in result.by_mean)
    document = Document(title="t", results=(projection,))
    for report in ("csv", "terminal", "markdown", "html", "openmetrics", "latex"):
        rendered = load("reports", report).render(document)
        files = [rendered] if isinstance(rendered, bytes) else list(rendered.values())
        text = b"".join(files).decode()
        visible = text.partition('<script type="application')[0]
        assert "consistent with it" not in visible
        assert "1 of 1 consistent" not in visible
    rows = [row for row in table(document) if row.quantity == "claim_derived"]
    assert {row.verdict for row in rows} == {"needs"}
    assert "consistent with it" not in projection_text.text(projection)
