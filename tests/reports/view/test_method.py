"""The method explains what a page shows, and nothing else."""

from __future__ import annotations

import msgspec

from energybench.model import SCI_LINES, Document
from energybench_reports.view.method import terms, words
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_published import claims_2023
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


def test_formulas_of_a_fleet_only_beside_a_fleet() -> None:
    """Nodes and energy of the fleet model, its parallel efficiency and its SCI score are explained
    on pages that show them alone.
    """
    fleet = claims_2023()
    score = msgspec.structs.replace(fleet.lines[0], name=SCI_LINES[0])
    shown = {
        "own lines": msgspec.structs.replace(fleet, model=None, mode="time-to-solution"),
        "fleet": msgspec.structs.replace(fleet, mode="throughput"),
        "one job": msgspec.structs.replace(fleet, mode="time-to-solution"),
        "score": msgspec.structs.replace(fleet, lines=(*fleet.lines, score)),
    }
    expected: dict[str, set[str]] = {
        "own lines": set(),
        "fleet": {"fleet"},
        "one job": {"fleet", "efficiency"},
        "score": {"fleet", "sci"},
    }
    for name, projection in shown.items():
        document = Document(title="", results=(projection,))
        assert terms(document) & {"fleet", "efficiency", "sci"} == expected[name]
        explained = " ".join(text for _, text in words(terms(document)).entries)
        assert ("N_{candidate}" in explained) is ("fleet" in expected[name])
        assert ("parallel efficiency" in explained) is ("efficiency" in expected[name])
        sources = " ".join(words(terms(document)).sources)
        assert ("Carbon Intensity" in sources) is ("sci" in expected[name])
