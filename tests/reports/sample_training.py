"""A private training: a run, a run that continues from the checkpoint, and a study of energy, ε and
accuracy by batch size.
"""

from __future__ import annotations

import msgspec

from energybench.model import (
    Axes,
    Cell,
    Document,
    Measurement,
    Progress,
    Series,
    Study,
    StudyCell,
    StudyPlan,
    StudyRatio,
    StudyRun,
    Variant,
    WorkRecord,
)
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_study import HOST, about, exact


def leg(number: int, first: int, last: int) -> Measurement:
    steps = tuple(float(step) for step in range(1, last + 1))
    loss = Series(
        name="loss",
        x=steps,
        y=tuple(2.3 / (1 + step / 4) for step in steps),
        x_title="step",
        y_title="training loss (nat)",
        work_per_x=0.1,
    )
    record = WorkRecord(
        title="Differentially private training",
        statement={
            "formal statement": "(2.1, 1e-05)-DP for an example, by PLD",
            "assumptions": ("batches are Poisson samples: holds", "noise is fresh: holds"),
        },
        figures={"epsilon": 1.4 + 0.07 * last, "held-out accuracy": 0.6 + 0.02 * last},
        series=(loss,),
        progress=Progress(training="one", first=first, last=last, unit="step", work_per_unit=0.1),
    )
    return msgspec.structs.replace(
        cpu_node(),
        id=f"2026-03-0{number}T12-00-00Z_training",
        label=f"training, night {number}",
        record=record,
    )


def cell(batch: int) -> StudyCell:
    names = ("plain", "book-keeping")
    at = {"batch": batch, "noise": 1.1}
    variants = tuple(Variant(name=name, settings={"mode": name}) for name in names)
    runs = tuple(
        StudyRun(
            variant=name,
            state="measured",
            run=f"2026-03-02T12-00-00Z_{name}-{batch}",
            time_s=about(3.0 * (1 + i)),
            energy_j=about(400.0 * (1 + i), 0.05),
            quality="measured",
            repeats=5,
            figures={
                "held-out accuracy": 0.92 - 0.05 * i,
                **({"epsilon": 0.4 + batch / 100} if i else {}),
            },
        )
        for i, name in enumerate(names)
    )
    ratio = StudyRatio(
        variant="book-keeping",
        speedup=about(0.5, 0.03),
        energy_ratio=about(0.5, 0.05),
        energy_title="energy ratio",
        memory_ratio=exact(0.95),
        extra_memory_ratio=exact(0.95),
        paired=5,
    )
    place = Cell(
        key=f"batch {batch}",
        at=at,
        workload="dpsgd",
        size="conv2",
        variants=variants,
        step_amount=4500.0,
    )
    return StudyCell(cell=place, runs=runs, ratios=(ratio,))


def study() -> Study:
    cells = tuple(cell(batch) for batch in (64, 128, 256))
    plan = StudyPlan(
        name="batch",
        title="privacy by batch and clipping",
        about="Energy, ε and held-out accuracy by batch size.",
        settings={"batch": "64,128,256"},
        cells=tuple(result.cell for result in cells),
        axes=Axes(x="batch", y="noise", panels=()),
        curves=("epsilon", "held-out accuracy"),
        step_name="training",
        notes=("Synthetic numbers: a sample for the reports' tests, measured nowhere.",),
    )
    return Study(
        id="study_dpsgd-batch_cpu_0123abcd",
        workload="dpsgd",
        device="cpu",
        plan=plan,
        cells=cells,
        claims=(),
        idle_power_w=about(90.0, 0.05),
        host=HOST,
        doubts=(),
        created_utc="2026-03-02T12:00:00+00:00",
    )


def document() -> Document:
    return Document(
        title="A private training",
        results=(leg(1, 0, 10), leg(2, 10, 20), study()),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    )
