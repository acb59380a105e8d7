"""A study of six cells with every possible result: ratios, an estimate, a failed check, a variant
too large for the memory, an absent variant, claims.
"""

from __future__ import annotations

from energybench.analysis.comparison.study_claims import against_claims
from energybench.model import (
    Absent,
    Axes,
    Cell,
    Document,
    Estimate,
    Expectation,
    Gpu,
    Host,
    Memory,
    Published,
    Study,
    StudyCell,
    StudyPlan,
    StudyRatio,
    StudyRun,
    Variant,
    Verification,
)

HOST = Host(
    name="nid001", cpu="AMD EPYC 7763", gpus=(Gpu(uuid="GPU-1", name="NVIDIA A100-SXM4-80GB"),)
)
PASSED = (
    Verification(quantity="output against float64", value=3e-4, tolerance=7.8e-3, passed=True),
)
FAILED = (
    Verification(quantity="output against float64", value=0.4, tolerance=7.8e-3, passed=False),
)


def about(value: float, rel: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value * (1 - rel), high=value * (1 + rel))


def exact(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value)


def cell(seq: int, head_dim: int) -> Cell:
    variants = tuple(
        Variant(name=name, settings={"backend": name}) for name in ("eager", "flash", "flex")
    )
    key = f"forward n{seq} d{head_dim}"
    at = {"mode": "forward", "causal": False, "seq": seq, "head_dim": head_dim}
    return Cell(
        key=key, at=at, workload="sdpa", size="smoke", variants=variants, step_amount=8.0 * seq
    )


def run(variant: str, seconds: float, eager_mib: float) -> StudyRun:
    memory = Memory(
        peak_bytes=exact(eager_mib * 2**20),
        extra_bytes=exact(eager_mib * 2**20 / 2),
        how="torch.cuda.max_memory_allocated",
    )
    return StudyRun(
        variant=variant,
        state="measured",
        run=f"2026-03-02T12-00-00Z_{variant}",
        time_s=about(seconds),
        energy_j=about(seconds * 300, 0.06),
        quality="measured",
        memory=memory,
        flops_per_s=about(4e9 / seconds),
        verification=PASSED,
        repeats=5,
    )


def measured(seq: int, head_dim: int, eager_s: float, flash_s: float) -> StudyCell:
    runs = (
        run("eager", eager_s, 900.0),
        run("flash", flash_s, 60.0),
        StudyRun(variant="flex", state="check-failed", why="check failed", verification=FAILED),
    )
    ratio = StudyRatio(
        variant="flash",
        speedup=about(eager_s / flash_s, 0.03),
        energy_ratio=about(eager_s / flash_s, 0.05),
        energy_title="energy ratio",
        memory_ratio=exact(15.0),
        extra_memory_ratio=exact(30.0),
        paired=5,
    )
    return StudyCell(cell=cell(seq, head_dim), runs=runs, ratios=(ratio,))


def unfit(seq: int) -> StudyCell:
    runs = tuple(
        StudyRun(
            variant=name, state="does-not-fit", why="needs 98.0 GiB on cuda:0, 79.1 GiB are free"
        )
        if name == "eager"
        else run(name, 0.02, 300.0)
        for name in ("eager", "flash")
    )
    return StudyCell(
        cell=cell(seq, 32),
        runs=(
            *runs,
            StudyRun(variant="flex", state="absent", why="does not compile for this shape"),
        ),
        ratios=(),
    )


CLAIMS = (
    Published(
        name="3.04x",
        says="1.184 ms → 0.390 ms",
        source="a table",
        published_on="A100",
        rule="every",
        expects=(
            Expectation(
                cell="forward n1024 d32", variant="flash", quantity="speedup", low=2.9, high=3.2
            ),
        ),
    ),
    Published(
        name="1.184 ms",
        says="eager takes 1.184 ms",
        source="a table",
        published_on="A100",
        rule="every",
        only_on="A100",
        expects=(
            Expectation(
                cell="forward n1024 d32",
                variant="eager",
                quantity="time_s",
                low=1.12e-3,
                high=1.25e-3,
            ),
        ),
    ),
    Published(
        name="on another board",
        says="2 ms",
        source="a table",
        published_on="V100",
        rule="every",
        only_on="V100",
        expects=(
            Expectation(
                cell="forward n1024 d32",
                variant="eager",
                quantity="time_s",
                low=1.9e-3,
                high=2.1e-3,
            ),
        ),
    ),
    Published(
        name="slower",
        says="flash is slower",
        source="a rumour",
        published_on="H100",
        rule="any",
        expects=(
            Expectation(cell="forward n1024 d32", variant="flash", quantity="speedup", high=0.95),
        ),
        note="nobody said so",
    ),
)


def study() -> Study:
    cells = (
        measured(256, 32, 1.2e-4, 5e-5),
        measured(1024, 32, 1.184e-3, 3.9e-4),
        measured(256, 128, 1.8e-4, 1.46e-4),
        measured(1024, 128, 1.656e-3, 1.36e-3),
    )
    plan = StudyPlan(
        name="kernel",
        title="sdpa kernels",
        about="Attention alone: eager against fused kernels.",
        settings={"seq": "256,1024,65536"},
        cells=(*(result.cell for result in cells), cell(65536, 32), cell(65536, 128)),
        axes=Axes(x="seq", y="head_dim", panels=("mode", "causal")),
        absent=(
            Absent(variant="cudnn", reason="torch has no such kernel for fp32", where="training"),
        ),
        claims=CLAIMS,
        notes=("Synthetic numbers: a sample for the reports' tests, measured nowhere.",),
    )
    results = (*cells, unfit(65536))
    return Study(
        id="study_sdpa-kernel_cuda_0123abcd",
        workload="sdpa",
        device="cuda",
        plan=plan,
        cells=results,
        claims=against_claims(CLAIMS, results, HOST, "cuda"),
        idle_power_w=about(250.0, 0.05),
        host=HOST,
        doubts=(),
        created_utc="2026-03-02T12:00:00+00:00",
    )


def document() -> Document:
    return Document(
        title="A study of attention",
        results=(study(),),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    )
