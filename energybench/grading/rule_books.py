"""A measurement against the rule books of the field: for every aspect pass, fail or unknown, with
the requirement and the figure.

A grade is not a submission, and no publisher of a rule book is bound by a grade.
"""

from __future__ import annotations

from energybench.grading.eehpc import eehpc
from energybench.grading.facts import facts
from energybench.grading.mlperf import inference, training
from energybench.model import Grade, Measurement


def grade(measurement: Measurement, machine_nodes: int | None = None) -> Grade:
    """The measurement against each book.

    `machine_nodes`: compute nodes of the whole machine, a number that no measurement contains.
    """
    gathered = facts(measurement)
    books = (
        eehpc(measurement, gathered, machine_nodes),
        training(measurement, gathered),
        inference(measurement, gathered),
    )
    return Grade(
        measurement=measurement.id,
        label=measurement.label,
        machine_nodes=machine_nodes,
        stamps=measurement.stamps,
        books=books,
    )
