"""A statement's disclosures, and its answers about boundaries, highest power and service."""

from __future__ import annotations

import msgspec

from energybench.model import Measurement, Unmetered, WorkloadRef
from energybench_reports.view.statement import statement
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.test_statement import FULL, of, stated

replace = msgspec.structs.replace


def test_what_the_publisher_left_open_is_one_row() -> None:
    """Every open field by its name; a stated field has its own row, and a part without a meter the
    limit, the formula and the source that a reader can check.
    """
    rows = statement(stated(1)).disclosures
    names = [name for name, _ in rows]
    assert names.count("not stated") == 1
    open_fields = dict(rows)["not stated"].text
    for words in ("choice of the measured nodes", "room temperature", "power that is not metered"):
        assert words in open_fields
    part = Unmetered(part="interconnect", most_w=1234.0, formula="2 x 617 W", source="sheet 7")
    publication = replace(FULL, unmetered=(part,), room_temperature="23 °C at the inlet, Pt100")
    named = dict(statement(replace(stated(1), publication=publication)).disclosures)
    assert named["room temperature and its sensor"].text == "23 °C at the inlet, Pt100"
    words = named["power that is not metered"].text
    for piece in ("interconnect", "at most 1234 W", "in no figure", "2 x 617 W", "sheet 7"):
        assert piece in words
    assert "power that is not metered" not in named["not stated"].text


def test_narrow_and_wide_boundary_stand_together() -> None:
    """Of the GPU nodes, beside each other and with intervals; CPU nodes have no accelerators."""
    answers = dict(statement(stated(1)).answers)
    assert "in the accelerators alone" in answers["narrow and wide"]
    assert "within compute" in answers["narrow and wide"]
    assert answers["narrow and wide"].count("[") == 2
    assert "narrow and wide" not in dict(statement(stated(0)).answers)


def test_the_highest_power_stands_beside_the_mean() -> None:
    """Of a single run as an answer; of comparisons as a column of the power of a node."""
    run = replace(cpu_node(), highest_power_w=gpu_node().highest_power_w)
    made = statement(of([run]))
    assert "over 1 s, beside a mean of" in dict(made.answers)["highest power"]
    assert "highest over 1 s" in statement(stated(1)).power.head
    without = [
        replace(one, highest_power_w=None) if isinstance(one, Measurement) else one
        for one in stated(1).results
    ]
    assert "highest over 1 s" not in statement(of(without)).power.head


def test_work_with_a_batch_has_its_settings_beside_the_energy() -> None:
    """Energy per unit of work without batch and rate says nothing about a service."""
    settings = {"batch": 8, "prompt": 512, "new_tokens": 64, "seed": 1}
    workload = WorkloadRef(name="w", size="S", device="cuda", settings=settings)
    words = dict(statement(of([replace(cpu_node(), workload=workload)])).answers)["done at a time"]
    for piece in ("batch 8, prompt 512, new_tokens 64", "a repeat lasts", "not recorded"):
        assert piece in words
    assert "seed" not in words
    assert "done at a time" not in dict(statement(of([cpu_node()])).answers)
