"""Documents of many results: applications on two nodes, runs without a comparison, and labels of
every kind.
"""

from __future__ import annotations

import msgspec

from energybench.analysis.uncertainty.effects import scale
from energybench.model import Comparison, Document, Measurement
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared

replace = msgspec.structs.replace
ODD_LABELS = (
    "東京の気候モデル",
    "🧪 solver 👩🏽‍🔬",
    "محاكاة المناخ",
    "long " * 100,
    "x" * 500,
    "<script>document.title='owned'</script>",
    "</script><!--",
)


def applications(count: int) -> Document:
    """`count` applications with energy ratios from 0.2 x 5 upwards, with their runs."""
    results: list[Comparison | Measurement] = []
    for i in range(count):
        cpu = replace(cpu_node(), id=f"cpu-{i}", label=f"application {i} on CPUs")
        gpu = replace(gpu_node(), id=f"gpu-{i}", label=f"application {i} on GPUs")
        pair, factor = compared(cpu, gpu), 0.2 + 0.11 * i
        assert pair.energy_ratio is not None
        results += [
            replace(
                pair,
                energy_ratio=scale(pair.energy_ratio, factor),
                speedup=scale(pair.speedup, factor),
            ),
            cpu,
            gpu,
        ]
    return Document(title=f"{count} applications", results=tuple(results), version="0.1.0")


def runs(count: int) -> Document:
    """`count` runs on CPU nodes and GPU nodes in turn."""
    return Document(
        title=f"{count} runs",
        results=tuple(
            replace((cpu_node if i % 2 else gpu_node)(), id=f"run-{i}", label=f"run {i}")
            for i in range(count)
        ),
        version="0.1.0",
    )


def odd_labels() -> Document:
    """A comparison and two runs for every odd label."""
    results: list[Comparison | Measurement] = []
    for i, label in enumerate(ODD_LABELS):
        cpu = replace(cpu_node(), id=f"cpu-{i}", label=label)
        gpu = replace(gpu_node(), id=f"gpu-{i}", label=f"{label} {i}")
        results += [compared(cpu, gpu), cpu, gpu]
    return Document(title=ODD_LABELS[0], results=tuple(results), notes=ODD_LABELS)
