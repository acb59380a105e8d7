"""Documents for the tests of every report: a comparison, a published claim, an estimate, a failed
sensor, hostile text, an empty document.
"""

from __future__ import annotations

import msgspec

from energybench.model import Comparison, Document, Projection
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_job import job_document
from tests.reports.sample_limits import BOARDS, CPU, beside
from tests.reports.sample_odd import estimated, hostile, partial
from tests.reports.sample_pair import compared, cpu_timeline, gpu_timeline
from tests.reports.sample_published import claims_2023
from tests.reports.sample_study import document as study
from tests.reports.sample_training import document as training


def comparison() -> Document:
    """MILC on a CPU node and on a node with four A100, with a month of a fleet."""
    cpu, gpu = beside(cpu_node(), CPU, "fp64"), beside(gpu_node(), BOARDS, "fp64")
    return Document(
        title="MILC on a CPU node and on a node with four A100",
        results=(cpu, gpu, compared(cpu, gpu), claims_2023()),
        timelines=(cpu_timeline(cpu), gpu_timeline(gpu)),
        notes=(
            "Lattice 36³ x 72, one solve to a true residual of 1e-10 at mass 0.008.",
            "Synthetic numbers: a sample for the reports' tests, measured nowhere.",
        ),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    )


def carried(document: Document) -> Document:
    """The document with projections that carry its comparisons."""
    pairs = tuple((pair.baseline, pair.candidate) for pair in document.of(Comparison))
    results = tuple(
        msgspec.structs.replace(result, comparisons=pairs)
        if isinstance(result, Projection)
        else result
        for result in document.results
    )
    return msgspec.structs.replace(document, results=results)


def unused() -> Document:
    """A node with four GPUs and work for one: the three idle GPUs stay visible."""
    gpu = beside(gpu_node(used=1), None, None)
    return Document(
        title="One GPU of four",
        results=(gpu,),
        timelines=(gpu_timeline(gpu),),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    )


def empty() -> Document:
    return Document(title="Nothing yet", results=())


SAMPLES = {
    "comparison": comparison,
    "claims": lambda: Document(
        title="The 2023 claims, derived again",
        results=(claims_2023(),),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    ),
    "unused": unused,
    "estimated": estimated,
    "partial": partial,
    "hostile": hostile,
    "job": job_document,
    "study": study,
    "training": training,
    "empty": empty,
}
