"""Columns on either side of a node's power supply: its input is the energy at the wall, and its
output lacks the losses of the supply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from energybench.errors import BadInput
from energybench.meters.attached_run import Meter
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from energybench.meters.series import MeterSeries
from energybench.meters.suggestions import working
from energybench.meters.supply_sides import Side, side
from tests.meters.test_feeds import T0, table
from tests.meters.test_meter_file import matrix

AC, DC = Choice(side="ac"), Choice(side="dc")


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        *((name, "ac") for name in ("Input Power (W)", "AC Power (W)", "PSU1 Pin (W)", "p_ac_w")),
        *((name, "ac") for name in ("PowerInputWatts", "230V Power (W)", "Eingangsleistung [W]")),
        *((name, "ac") for name in ("UPS AC Output (W)", "mains_w", "Wall power (W)")),
        *((name, "dc") for name in ("Output Power (W)", "dc_power_w", "DC Power (W)", "Pout (W)")),
        *((name, "dc") for name in ("12V Power (W)", "5V_w", "+3.3V (W)", "P3V3 power", "12VDC W")),
        *((name, "dc") for name in ("PSU1 Pout", "Power Out [W]", "PowerOutputWatts", "48V [W]")),
        *((name, "dc") for name in ("Ausgangsleistung (kW)", "HSC Input Power", "Secondary (W)")),
        *((name, "dc") for name in ("PDU DC output (W)", "12V input power (W)", "secondary side")),
        *((name, None) for name in ("power_w", "outside_w", "Outlet 7 Power (W)", "PDU output W")),
        *((name, None) for name in ("UPS Output Power (W)", "output of outlet 3 (W)", "outage W")),
        *((name, None) for name in ("Leistung in W", "Power in W", "DC1 node (W)", "AC/DC W")),
        *((name, None) for name in ("Secondary PSU (W)", "out-of-band power W", "Channel 5 VA")),
    ],
)  # fmt: skip
def test_the_side_that_a_name_states(name: str, stated: Side | None) -> None:
    assert side(name) == stated


def test_names_beside_tell_an_input_from_a_unit() -> None:
    """`power_in_w` beside `power_out_w`; a secondary feed beside a primary one is an input."""
    assert side("power_in_w", ["power_in_w", "power_out_w"]) == "ac"
    assert side("power_in_w", ["power_in_w", "energy_wh"]) is None
    assert side("Secondary Power (W)", ["Primary Power (W)", "Secondary Power (W)"]) is None


@pytest.mark.parametrize(
    ("entering", "leaving"),
    [
        ("Input Power (W)", "Output Power (W)"),
        ("AC Power (W)", "DC Power (W)"),
        ("PSU1 Pin (W)", "PSU1 Pout (W)"),
        ("power_in_w", "power_out_w"),
        ("Power (W)", "12V Power (W)"),
        ("Power (W)", "Pout [W]"),
        ("power", "Output Power (W)"),
        ("Input", "Output Power (W)"),
        ("AC energy (Wh)", "DC energy (Wh)"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_output_is_not_a_wall_meter(
    tmp_path: Path, entering: str, leaving: str, turned: bool
) -> None:
    """Whichever column stands first; and with --dc a column that says input is not taken."""
    names = [leaving, entering] if turned else [entering, leaving]
    path = table(tmp_path, ",".join(["time", *names]))
    unit = None if entering.endswith(("W)", "_w", "Wh)")) else "W"
    series = read(path, AC._replace(unit=unit))
    assert series.what == f"column {entering!r}"
    assert not series.name_says
    if side(entering, names) == "ac":
        assert read(path, DC).what == f"column {leaving!r}"


def test_several_columns_of_the_wall_have_no_suggestion_of_an_output(tmp_path: Path) -> None:
    path = table(tmp_path, "time,PSU1 Pin (W),PSU1 Pout (W),PSU2 Pin (W),PSU2 Pout (W)")
    with pytest.raises(Undecided, match="parts of one load") as refusal:
        read(path, AC)
    assert not any("Pout" in word for option in refusal.value.options for word in option)


@pytest.mark.parametrize(
    "head", ["time,Output Power (W)", "time,dc_power_w", "time,12V Power (W),fan_rpm"]
)
def test_an_output_alone_needs_dc(tmp_path: Path, head: str) -> None:
    """The refusal suggests --dc, with which the column is read without a word."""
    path = table(tmp_path, head)
    with pytest.raises(Undecided, match="holds, by its name, the output of a power") as refusal:
        read(path, AC)
    meter = Meter(path, "node", 0.01, "m")

    def attempt(other: Meter) -> float:
        return float(read(path, other.sided_choice).raw.size)

    assert working(refusal.value, meter, attempt) == (("--dc",),)
    assert not read(path, DC).name_says


def test_an_input_alone_is_not_read_with_dc(tmp_path: Path) -> None:
    path = table(tmp_path, "time,AC Power (W)")
    with pytest.raises(BadInput, match="leave --dc out") as refusal:
        read(path, DC)
    assert not isinstance(refusal.value, Undecided)
    assert not read(path, AC).name_says


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (AC._replace(column="DC Power (W)"), "the output of a power supply, which --dc reads"),
        (DC._replace(column="AC Power (W)"), "the input of a power supply, which is not behind"),
        (DC._replace(column="DC Power (W)"), ""),
        (Choice(column="DC Power (W)"), ""),
    ],
)
def test_a_column_that_a_person_names_has_a_doubt(
    tmp_path: Path, choice: Choice, says: str
) -> None:
    """A board may have a rail of its own: its meter has no side."""
    series = read(table(tmp_path, "time,AC Power (W),DC Power (W)"), choice)
    assert series.name_says.startswith(says)
    assert bool(series.name_says) == bool(says)


def test_rows_and_series_of_the_output(tmp_path: Path) -> None:
    """They are not suggested for the wall, and have a doubt if a person names them."""
    path = tmp_path / "m.csv"
    rows = [f"{T0 + i},{s},{100 + i}" for i in range(9) for s in ("Pout", "Pin")]
    path.write_text("\n".join(["time,sensor,power_w", *rows]) + "\n", "utf-8")
    with pytest.raises(Undecided) as refusal:
        read(path, AC)
    assert refusal.value.options == (("--select", "sensor=Pin"),)
    assert read(path, AC._replace(select=(("sensor", "Pout"),))).name_says
    assert not read(path, AC._replace(select=(("sensor", "Pin"),))).name_says

    def of(choice: Choice, *labels: dict[str, Any]) -> MeterSeries:
        file = tmp_path / "answer.json"
        file.write_text(
            matrix(*((one, [[T0 + i, str(100 + i)] for i in range(9)]) for one in labels)), "utf-8"
        )
        return read(file, choice)

    leaving = {"__name__": "psu_power_output_watts", "host": "ac1"}
    entering = {"__name__": "psu_power_input_watts", "host": "ac1"}
    with pytest.raises(Undecided) as refused:
        of(AC, leaving, entering)
    assert refused.value.options == (("--select", "__name__=psu_power_input_watts"),)
    assert of(AC, leaving).name_says
    assert not of(DC, leaving).name_says
