"""A power model in place of a sensor: a stamp in every headline, and no statement."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from energybench.cli import summary
from energybench.errors import BadInput
from energybench.grading.modelled_share import LARGE, large_modelled_words, modelled_shares
from energybench.grading.statable import check
from energybench.model import Comparison, Document, Doubt, Estimate, Measurement, Part
from energybench_reports.view import comparison as comparing
from energybench_reports.view.statement import statement
from tests.reports import test_stamps
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared

WORDS = "partly estimated: cpu.package"
DOUBT = Doubt(code="estimated-cpu", message="m", remedy="r", subject="cpu.package")


def modelled(run: Measurement, component: str = "cpu.package", watts: float = 10.0) -> Measurement:
    """The run with a model of a component in place of its sensors."""
    others = tuple(part for part in run.boundary.parts if part.component != component)
    part = Part(component=component, state="modelled", low_w=0.0, high_w=2 * watts)
    boundary = msgspec.structs.replace(run.boundary, parts=(*others, part))
    doubts = (*run.doubts, DOUBT) if component == "cpu.package" else run.doubts
    return msgspec.structs.replace(run, boundary=boundary, quality="mixed", doubts=doubts)


def pair() -> Comparison:
    sample = compared(cpu_node(), gpu_node())
    doubts = (*sample.doubts, DOUBT.carried_from("GPU node"))
    return msgspec.structs.replace(sample, doubts=doubts, quality="mixed")


@pytest.mark.parametrize("result", [modelled(gpu_node()), pair()], ids=["run", "comparison"])
def test_the_stamp_stands_in_the_headline_of_every_format(result: Any) -> None:
    test_stamps.test_every_format_prints_the_stamp_in_the_headline(result, WORDS)


def test_the_stamp_of_a_run_follows_from_the_parts() -> None:
    """Of every component, whatever the doubts say; memory without a counter has no stamp; an
    estimate has its own.
    """
    bare = msgspec.structs.replace(modelled(gpu_node()), doubts=())
    assert [stamp.words for stamp in bare.stamps] == [WORDS]
    boards = modelled(gpu_node(), "gpu.board")
    assert [stamp.words for stamp in boards.stamps] == ["partly estimated: gpu.board"]
    assert modelled(gpu_node(), "cpu.dram").stamps == ()
    whole = msgspec.structs.replace(modelled(gpu_node()), quality="estimated")
    assert [stamp.code for stamp in whole.stamps] == ["estimated"]
    odd = modelled(gpu_node(), "any [text](http://a.example)\x1b[31m")
    assert [stamp.words for stamp in odd.stamps] == ["partly estimated: another part"]


def test_a_boundary_without_the_model_has_no_stamp() -> None:
    """The doubt of the collector stays with a comparison of measured energies."""
    measured = msgspec.structs.replace(pair(), quality="measured")
    assert measured.stamps == ()


def test_a_statement_refuses_a_model_in_place_of_a_sensor() -> None:
    """Of a comparison and of a single run; a draft says so in its sentence."""
    run = modelled(gpu_node())
    for results in ((run,), (pair(), cpu_node(), run)):
        document = Document(title="t", results=results)
        with pytest.raises(BadInput, match=WORDS):
            check(document, draft=False)
        check(document, draft=True)
        draft = statement(document)
        assert WORDS in draft.stamps
        assert "Measured in part" in draft.long
    check(Document(title="t", results=(modelled(gpu_node(), "cpu.dram"),)), draft=False)


def test_a_comparison_has_the_colour_of_a_warning() -> None:
    assert comparing.tone_of(pair()) == "warn"
    assert summary.comparison(pair()).startswith(f"[{WORDS}] ")
    assert summary.measurement(modelled(gpu_node())).startswith(f"[{WORDS}] ")


def test_a_large_modelled_part_is_said_beside_the_headline() -> None:
    """From a tenth of the energy on: of a run, of a comparison and of a statement."""
    run = gpu_node()
    assert run.energy_j is not None
    power_w = run.energy_j.value / run.time_s.value
    for share, said in ((0.5 * LARGE, False), (2 * LARGE, True)):
        large = modelled(run, "cpu.dram", share * power_w)
        assert modelled_shares(large)["cpu.dram"] == pytest.approx(share)
        words = large_modelled_words(large)
        assert bool(words) == said
        answer = comparing.answer(compared(cpu_node(), run), {run.id: large})
        facts = dict(answer.facts)
        assert ("modelled, not measured" in facts) == said
        assert (words in answer.line) if said else ("modelled" not in answer.line)
        lead = statement(Document(title="t", results=(large,))).lead
        assert ("Modelled, not measured: 20 % of the energy, cpu.dram" in lead) == said
        assert ("20 % of the energy" in summary.measurement(large)) == said


def test_an_energy_of_zero_has_no_shares() -> None:
    zero = Estimate(value=0.0, low=0.0, high=0.0)
    assert modelled_shares(msgspec.structs.replace(modelled(gpu_node()), energy_j=zero)) == {}
    assert modelled_shares(msgspec.structs.replace(modelled(gpu_node()), energy_j=None)) == {}


def test_a_statement_names_every_kind_of_doubt() -> None:
    """On its first two pages: count, short words, codes."""
    stuck = Doubt(code="stuck-sensor", message="m", remedy="r", subject="x")
    run = msgspec.structs.replace(gpu_node(), doubts=(stuck, stuck))
    words = statement(Document(title="t", results=(run,))).doubts
    assert words.startswith("1 kind, with remedies in the appendix: ")
    assert "(`stuck-sensor`)" in words
    none = msgspec.structs.replace(gpu_node(), doubts=())
    assert statement(Document(title="t", results=(none,))).doubts == "none"
