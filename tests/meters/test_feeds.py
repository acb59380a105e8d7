"""Meters with a column for each feed of a load: the power of the load is the sum of the feeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.attached_run import Meter
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from energybench.meters.suggestions import working

T0 = 1_772_359_200


def table(tmp_path: Path, head: str) -> Path:
    path = tmp_path / "m.csv"
    columns = head.count(",")
    rows = [
        ",".join([str(T0 + i), *(str(50 * c + i) for c in range(1, columns + 1))]) for i in range(9)
    ]
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return path


def suggested(path: Path, *, follow: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The options that are suggested, if these columns or rows follow the run."""

    def attempt(meter: Meter) -> float:
        series = read(path, meter.choice)
        if not any(word in series.what for word in follow):
            raise BadInput("m.csv", "does not follow this run", "another column")
        return 0.9

    with pytest.raises(Undecided) as refusal:
        read(path, Choice())
    return working(refusal.value, Meter(path, "node", 0.01, "m"), attempt)


@pytest.mark.parametrize(
    ("head", "whole"),
    [
        ("time,psu1_w,psu2_w,total_w", "total_w"),
        ("time,Total Power (W),PSU 1 Power (W),PSU 2 Power (W)", "Total Power (W)"),
        ("time,L1 [kW],L2 [kW],L3 [kW],Sum [kW]", "Sum [kW]"),
        ("time,cpu_w,gpu_w,system_w", "system_w"),
    ],
)
def test_the_total_is_suggested(tmp_path: Path, head: str, whole: str) -> None:
    """Though every column follows the run."""
    path = table(tmp_path, head)
    assert suggested(path, follow=("column",)) == (("--column", whole),)
    assert not read(path, Choice(column=whole)).other_feeds


@pytest.mark.parametrize(
    ("head", "one", "others"),
    [
        ("time,psu1_w,psu2_w", "psu1_w", 1),
        ("time,PSU 1 Power (W),PSU 2 Power (W)", "PSU 2 Power (W)", 1),
        ("time,feed_a_kw,feed_b_kw", "feed_b_kw", 1),
        ("time,L1 [W],L2 [W],L3 [W]", "L1 [W]", 2),
        ("time,inlet-1 energy_kwh,inlet-2 energy_kwh", "inlet-1 energy_kwh", 1),
    ],
)
def test_feeds_have_to_be_added_up(tmp_path: Path, head: str, one: str, others: int) -> None:
    """No command is suggested if several follow the run; one that is chosen has the others."""
    path = table(tmp_path, head)
    assert suggested(path, follow=("column",)) == ()
    with pytest.raises(Undecided, match=r"parts of one load.*write their sum"):
        read(path, Choice())
    assert len(read(path, Choice(column=one)).other_feeds) == others


def test_one_outlet_that_follows_is_suggested(tmp_path: Path) -> None:
    """Of a PDU with other nodes; an outlet is no feed of its neighbour's node."""
    path = table(tmp_path, "time,outlet1_w,outlet2_w,outlet3_w")
    assert suggested(path, follow=("outlet2",)) == (("--column", "outlet2_w"),)
    assert suggested(path, follow=("outlet2", "outlet3")) == ()
    assert not read(path, Choice(column="outlet2_w")).other_feeds


@pytest.mark.parametrize("column", ["psu", "feed_id"])
def test_rows_of_several_feeds(tmp_path: Path, column: str) -> None:
    path = tmp_path / "m.csv"
    rows = [f"{T0 + i},{psu},{100 * psu + i}" for i in range(9) for psu in (1, 2)]
    path.write_text("\n".join([f"time,{column},power_w", *rows]) + "\n", "utf-8")
    assert suggested(path, follow=("column",)) == ()
    chosen = read(path, Choice(select=((column, "1"),)))
    assert chosen.other_feeds == (f"{column}=2",)
