"""Meters with a column for each feed of a load: the power of the load is the sum of the feeds."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("upper_psu_power_w", "lower_psu_power_w"),
        ("power_left_w", "power_right_w"),
        ("psu_main_w", "psu_backup_w"),
        ("phase_r_w", "phase_t_w"),
        ("a_act_power_w", "c_act_power_w"),
        ("grey_feed_w", "blue_feed_w"),
        ("PDU-A1 [W]", "PDU-B1 [W]"),
        ("psuA_w", "psuB_w"),
        ("PSUA (W)", "PSUB (W)"),
        ("cord1_w", "cord2_w"),
        ("ch1_w", "ch2_w"),
        ("Channel A (W)", "Channel B (W)"),
        ("Power W", "Power W.1"),
        ("rail12v_w", "rail54v_w"),
        ("PS1 Output 1 (W)", "PS2 Output 2 (W)"),
        ("emeters.0.power", "emeters.1.power"),
        ("PowerSupplies.0.PowerInputWatts", "PowerSupplies.1.PowerInputWatts"),
        ("node7_psu1_w", "node7_psu2_w"),
    ],
)
def test_columns_that_differ_in_one_part_are_feeds(tmp_path: Path, one: str, other: str) -> None:
    """A number, a letter, a side or a colour; none of them is suggested, and each has the other."""
    path = table(tmp_path, f"time,{one},{other}")
    assert suggested(path, follow=("column",)) == ()
    for name, beside in ((one, other), (other, one)):
        assert read(path, Choice(column=name, unit="W")).other_feeds == (repr(beside),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("node1_w", "node2_w"),
        ("host-a (W)", "host-b (W)"),
        ("left_node_w", "right_node_w"),
        ("gpu0_w", "gpu1_w"),
        ("cpu_0_w", "cpu_1_w"),
        ("cpu_w", "gpu_w"),
        ("power_avg_w", "power_min_w"),
        ("power_10s_w", "power_60s_w"),
        ("power 1 min (W)", "power 10 min (W)"),
        ("p50_w", "p95_w"),
        ("P+ (W)", "P- (W)"),
        ("P (W)", "P1 (W)"),
        ("psu1_w", "psu2_kwh"),
        ("psu1_w", "psu1_in_a"),
        ("psu_1_input_w", "psu_2_output_w"),
        ("total_w", "psu1_w"),
        ("outlet1_w", "outlet2_w"),
    ],
)
def test_other_loads_and_other_quantities_are_no_feeds(
    tmp_path: Path, one: str, other: str
) -> None:
    path = table(tmp_path, f"time,{one},{other}")
    assert not read(path, Choice(column=one, unit="W")).other_feeds


def test_a_feed_that_draws_nothing_adds_nothing(tmp_path: Path) -> None:
    """The second supply is not plugged in: 0 in every row."""
    path = tmp_path / "m.csv"
    rows = [f"{T0 + i},{100 + i},0.0" for i in range(9)]
    path.write_text("\n".join(["time,psu1_w,psu2_w", *rows]) + "\n", "utf-8")
    assert not read(path, Choice(column="psu1_w")).other_feeds


def rows_of(tmp_path: Path, column: str, values: tuple[str, ...]) -> Path:
    path = tmp_path / "m.csv"
    rows = [f"{T0 + i},{one},{100 + i}" for i in range(9) for one in values]
    path.write_text("\n".join([f"time,{column},power_w", *rows]) + "\n", "utf-8")
    return path


FEEDS_BY_VALUE = [
    ("sensor", "PSU1_Input", "PSU2_Input"),
    ("name", "PS1 Input", "PS2 Input"),
    ("label", "feed-a", "feed-b"),
    ("outlet", "A", "B"),
    ("channel", "1", "2"),
    ("cord", "L", "R"),
    ("probe", "psu0", "psu1"),
    ("ph", "R", "S"),
    ("psu", "left", "7"),
    ("id", "12", "13"),
    ("id", "112", "113"),
    ("id", "PSU.Slot.1", "PSU.Slot.2"),
]
OTHERS_BY_VALUE = [
    ("node", "n1", "n2"),
    ("host", "a", "b"),
    ("instance", "1", "2"),
    ("host.name", "left", "right"),
    ("outlet", "7", "8"),
    ("index", "0", "1"),
    ("gpu_id", "0", "1"),
    ("device", "nvidia0", "nvidia1"),
    ("device", "card0", "card1"),
    ("source", "10.0.0.1", "10.0.0.2"),
    ("source", "node17:9100", "node18:9100"),
    ("source", "00:11:22:33:44:55", "00:11:22:33:44:66"),
    ("source", "x1000c0s0b0n0", "x1000c0s0b1n0"),
    ("name", "nid001234", "nid001235"),
    ("name", "dev112", "dev113"),
    ("location", "1", "2"),
    ("name", "PS1 Input", "Fan1 Power"),
    ("psu", "total", "1"),
    ("topic", "tele/plug7/SENSOR", "tele/plug8/SENSOR"),
]


@pytest.mark.parametrize(("column", "one", "other"), FEEDS_BY_VALUE)
def test_the_value_of_a_column_names_the_feed(
    tmp_path: Path, column: str, one: str, other: str
) -> None:
    path = rows_of(tmp_path, column, (one, other))
    for name in (column, "2"):
        chosen = read(path, Choice(select=((name, one),)))
        assert chosen.other_feeds == (f"{column}={other}",)


@pytest.mark.parametrize(("column", "one", "other"), OTHERS_BY_VALUE)
def test_the_value_of_a_column_names_another_load(
    tmp_path: Path, column: str, one: str, other: str
) -> None:
    path = rows_of(tmp_path, column, (one, other))
    assert not read(path, Choice(select=((column, one),))).other_feeds


def answer(tmp_path: Path, *series: dict[str, str], values: str = "100") -> Path:
    path = tmp_path / "m.json"
    result = [
        {"metric": {"__name__": "power_watts", **labels}, "values": [[T0 + i, v] for i in range(9)]}
        for labels, v in zip(series, ["100", *[values] * (len(series) - 1)], strict=True)
    ]
    data = {"resultType": "matrix", "result": result}
    path.write_text(json.dumps({"status": "success", "data": data}), "utf-8")
    return path


@pytest.mark.parametrize(("label", "one", "other"), [*FEEDS_BY_VALUE, ("feed", "A", "B")])
def test_a_series_of_prometheus_is_one_feed(
    tmp_path: Path, label: str, one: str, other: str
) -> None:
    path = answer(tmp_path, {label: one, "job": "bmc"}, {label: other, "job": "bmc"})
    choice = Choice(select=((label, one),))
    assert read(path, choice).other_feeds == (f"{label}={other}",)
    with pytest.raises(Undecided, match="query their sum, if several of them feed the load"):
        read(path, Choice())
    assert not read(answer(tmp_path, {label: one}, {label: other}, values="0"), choice).other_feeds


@pytest.mark.parametrize(("label", "one", "other"), [*OTHERS_BY_VALUE, ("quantile", "0.5", "0.99")])
def test_a_series_of_prometheus_of_another_load(
    tmp_path: Path, label: str, one: str, other: str
) -> None:
    path = answer(tmp_path, {label: one}, {label: other})
    assert not read(path, Choice(select=((label, one),))).other_feeds


def test_the_feeds_of_another_node_are_not_those_of_this_node(tmp_path: Path) -> None:
    """Two nodes with two supplies each: of the series of one node, the other supply is a feed."""
    labels = [{"instance": node, "psu": psu} for node in ("n1", "n2") for psu in ("1", "2")]
    choice = Choice(select=(("instance", "n1"), ("psu", "2")))
    assert read(answer(tmp_path, *labels), choice).other_feeds == ("psu=1",)
    rows = [f"{T0 + i},{node},{psu},5" for i in range(9) for node in "ab" for psu in "12"]
    path = tmp_path / "m.csv"
    path.write_text("\n".join(["time,node,psu,power_w", *rows]) + "\n", "utf-8")
    both = read(path, Choice(select=(("node", "a"), ("psu", "2"))))
    assert both.other_feeds == ("psu=1",)
