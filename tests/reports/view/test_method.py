"""The method explains what a page shows, and nothing else."""

from __future__ import annotations

import msgspec

from energybench.model import Document
from energybench_reports.view.method import terms
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES


def test_a_page_explains_what_it_shows() -> None:
    """Net energy only if it is given, a verdict only of a comparison, nothing of an empty page."""
    assert terms(SAMPLES["empty"]()) == frozenset()
    assert terms(SAMPLES["comparison"]()) >= {"gross", "net", "ratio", "verdict", "scope"}
    without_net = msgspec.structs.replace(cpu_node(), net_energy_j=None)
    shown = terms(Document(title="", results=(without_net,)))
    assert shown == {"gross", "boundary", "interval"}
    assert "net" in terms(Document(title="", results=(cpu_node(),)))
    assert not terms(SAMPLES["claims"]()) & {"gross", "net", "verdict", "ratio"}
