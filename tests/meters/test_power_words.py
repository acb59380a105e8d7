"""Words that qualify a power: in names of columns, in cells of rows, in labels of series. Readings
of such words are neither taken nor suggested as the power of the load.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters import power_words
from energybench.meters.attached_run import Meter
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided
from energybench.meters.suggestions import working
from tests.meters.logger_files import T0, nine_rows, prometheus_answer

APPARENT, REACTIVE = "apparent power, in VA", "reactive power, in var"
EXTREMES, PERCENTILE = "the extremes between two rows", "a percentile, which is not the mean"
LIMIT, RATING = "a limit", "a rating, a target or a threshold"
PART = "only a part of the load's power"
# a value, and what rows or series of that value hold
HELD = [
    *(("apparent_power", APPARENT), ("apparentPower", APPARENT), ("VA", APPARENT)),
    *(("sensor.plug_apparent_power", APPARENT), ("Blindleistung", REACTIVE), ("kvar", REACTIVE)),
    *(("max", EXTREMES), ("Maximum", EXTREMES), ("PeakPower", EXTREMES), ("Pmin", EXTREMES)),
    *(("p95", PERCENTILE), ("median", PERCENTILE), ("powerlimit", LIMIT)),
    *(("idle", PART), ("dynamic", PART), ("idle_power", PART)),
]
TAKEN = [
    "active_power",
    "sensor.plug_power",
    "mean",
    "avg",
    "W",
    "total",
    "Wirkleistung",
    "current",
]


def suggested(path: Path, choice: Choice) -> tuple[tuple[str, ...], ...]:
    """The options that are suggested if every reading follows the run."""

    def attempt(meter: Meter) -> float:
        series = read(path, meter.choice)
        if series.name_says:
            raise BadInput("m.csv", series.name_says, "another")
        return 0.9

    with pytest.raises(Undecided) as refusal:
        read(path, choice)
    return working(refusal.value, Meter(path, "node", 0.01, "m", choice), attempt)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        *(("Pmax (W)", EXTREMES), ("PowerMax_w", EXTREMES), ("maxPower", EXTREMES)),
        *(("PMax", EXTREMES), ("MaxConsumedWatts", EXTREMES), ("PeakPower.Watts", EXTREMES)),
        *(("powerMaxW", EXTREMES), ("highest_power_w", EXTREMES), ("psu1_min_w", EXTREMES)),
        *(("psu1_max_w", EXTREMES), ("Spitzenleistung", EXTREMES), ("puissance_max_w", EXTREMES)),
        *(("Minimalleistung [W]", EXTREMES), ("peakwatts", EXTREMES), ("max_avg_w", EXTREMES)),
        *(("P95 (W)", PERCENTILE), ("power_p99_w", PERCENTILE), ("power_median_w", PERCENTILE)),
        *(("power_ceiling_w", RATING), ("threshold_w", RATING), ("power_alarm_w", RATING)),
        *(("target_power_w", RATING), ("Nennleistung_w", RATING), ("PowerCapacityWatts", RATING)),
        *(("power.default_limit [W]", LIMIT), ("PowerLimit", LIMIT), ("powerlimit_w", LIMIT)),
        *(("apparentPower (W)", APPARENT), ("Scheinleistung_W", APPARENT)),
        *(("power_above_idle_w", PART), ("net_power_w", PART), ("idle_power_w", PART)),
        *(("dynamic_energy_j", PART), ("baseline_power_w", PART)),
        *(("power_stddev_w", "the scatter of the power"), ("predicted_power_w", "a forecast")),
    ],
)
def test_names_in_every_spelling(name: str, held: str) -> None:
    assert power_words.contradiction(name) == held


@pytest.mark.parametrize(
    "name",
    [
        *("power_w", "power (W, 1 min avg)", "rolling_avg_5min_power_w", "power_5_min_w", "P-1"),
        *("Pavg (W)", "AvgPower", "AverageConsumedWatts", "active_power_w", "Wirkleistung [W]"),
        *(
            "calibrated_power_w",
            "integrated_energy_j",
            "generated_w",
            "energy_kwh",
            "P1",
            "P 12 (W)",
        ),
        *(
            "min_avg_power_w",
            "net active energy",
            "P-SIGMA",
            "S1_w",
            "Leistung",
            "camax_w",
            "admin_w",
        ),
    ],
)
def test_names_of_the_mean_power(name: str) -> None:
    assert power_words.contradiction(name) is None


def test_names_that_mean_another_quantity_beside_a_sibling() -> None:
    analyser = ["U-1", "I-1", "P-1", "S-1", "Q-1"]
    assert power_words.contradiction("S-1", analyser) == APPARENT
    assert power_words.contradiction("Q-1", analyser) == REACTIVE
    assert power_words.contradiction("P-1", analyser) is None
    assert power_words.contradiction("active_energy_j", ["idle_energy_j"]) == PART
    assert power_words.contradiction("active_energy_j", ["reactive_energy"]) is None


@pytest.mark.parametrize(("value", "held"), HELD)
def test_rows_of_such_a_value_alone(tmp_path: Path, value: str, held: str) -> None:
    """Refused without a choice; a person's choice is read, and the series states what it holds."""
    path = nine_rows(tmp_path, "time,quantity,reading", f"{value},{{w}}")
    with pytest.raises(
        BadInput, match=f"column 'quantity' says .*: the rows hold {held}"
    ) as caught:
        read(path, Choice(unit="W"))
    assert not isinstance(caught.value, Undecided)
    for choice in (
        Choice(column="reading", unit="W"),
        Choice(select=(("quantity", value),), unit="W"),
    ):
        assert read(path, choice).name_says == held


@pytest.mark.parametrize(("value", "held"), HELD)
def test_a_series_with_such_a_label(tmp_path: Path, value: str, held: str) -> None:
    assert read(prometheus_answer(tmp_path, {"quantity": value}), Choice()).name_says == held


@pytest.mark.parametrize("value", TAKEN)
def test_rows_and_series_of_the_mean_power(tmp_path: Path, value: str) -> None:
    path = nine_rows(tmp_path, "time,quantity,reading", f"{value},{{w}}")
    assert not read(path, Choice(unit="W")).name_says
    assert not read(prometheus_answer(tmp_path, {"quantity": value}), Choice()).name_says


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("host", "peak"), ("instance", "max"), ("comment", "max"), ("tariff", "peak")),
        *(("status", "idle"), ("compute_mode", "Default"), ("governor", "dynamic")),
        *(("location", "VA"), ("note", "peak power test"), ("log", "/var/log/power")),
        *(("mode", "static"), ("power_mode", "max"), ("mode", "max performance")),
        *(("type", "target"), ("node_state", "idle"), ("level", "nominal")),
        *(("availability", "available"), ("gpu_name", "Tesla V100 Max-Q"), ("stage", "idle")),
    ],
)
def test_words_that_name_no_quantity(tmp_path: Path, column: str, value: str) -> None:
    path = nine_rows(tmp_path, f"time,{column},power_w", f"{value},{{w}}")
    assert not read(path, Choice()).name_says


def test_of_the_statistics_the_mean_is_suggested(tmp_path: Path) -> None:
    path = nine_rows(tmp_path, "time,statistic,power_w", "min,90", "max,1{w}", "mean,{w}")
    assert suggested(path, Choice()) == (("--select", "statistic=mean"),)
    labels = [{"stat": one} for one in ("max", "avg", "min")]
    assert suggested(prometheus_answer(tmp_path, *labels), Choice()) == (("--select", "stat=avg"),)
    quantiles = [{"quantile": one} for one in ("0.5", "0.99")]
    assert suggested(prometheus_answer(tmp_path, *quantiles), Choice()) == ()
    extremes = nine_rows(tmp_path, "time,statistic,power_w", "min,90", "max,1{w}")
    assert suggested(extremes, Choice()) == ()


def test_of_the_quantities_active_power_is_suggested(tmp_path: Path) -> None:
    head = "time,sensorType,value,unit"
    path = nine_rows(tmp_path, head, "apparentPower,1{w},VA", "activePower,{w},W")
    assert suggested(path, Choice()) == (("--select", "sensorType=activePower"),)
    chosen = Choice(select=(("sensorType", "apparentPower"),), unit="W")
    assert read(path, chosen).name_says == APPARENT


@pytest.mark.parametrize(
    ("unit", "stated", "says"),
    [
        ("kW", "W", "readings in kW, of which --unit says W"),
        ("hW", "W", "readings in hW, of which --unit says W"),
        ("W", "W", ""),
        ("kW", None, ""),
    ],
)
def test_a_column_of_units(tmp_path: Path, unit: str, stated: str | None, says: str) -> None:
    """Beside the readings or not."""
    for head, line in (("time,value,unit", f"{{w}},{unit}"), ("time,unit,value", f"{unit},{{w}}")):
        series = read(nine_rows(tmp_path, head, line), Choice(unit=stated))
        assert series.name_says == says
        if not says:
            factor = 1000 if unit == "kW" else 1
            assert series.raw[0] * series.resolution == 100 * factor
    series = read(prometheus_answer(tmp_path, {"unit": unit}, name="value"), Choice(unit=stated))
    assert series.name_says == says


def test_a_column_called_unit_may_name_devices(tmp_path: Path) -> None:
    path = nine_rows(tmp_path, "time,unit,power", "PSU,{w}")
    assert not read(path, Choice(unit="W")).name_says
    label = {"unit": "kubelet.service"}
    assert not read(prometheus_answer(tmp_path, label, name="power"), Choice(unit="W")).name_says


@pytest.mark.parametrize("unit", ["A", "hW", "VA"])
def test_a_column_of_other_units_has_no_suggestion(tmp_path: Path, unit: str) -> None:
    with pytest.raises(BadInput, match=f"'unit' (holds|says) '?{unit}") as caught:
        read(nine_rows(tmp_path, "time,value,unit", f"{{w}},{unit}"), Choice())
    assert not isinstance(caught.value, Undecided)


# ---------------------------------------------------------------- parts of one load


@pytest.mark.parametrize(
    "head", ["time,idle_power_w,dynamic_power_w", "time,idle_energy_j,active_energy_j"]
)
def test_only_the_sum_of_the_parts_is_the_load(tmp_path: Path, head: str) -> None:
    path = nine_rows(tmp_path, head, "{w},5{w}")
    one, other = head.split(",")[1:]
    with pytest.raises(BadInput, match="only the sum is the load") as caught:
        read(path, Choice())
    assert not isinstance(caught.value, Undecided)
    series = read(path, Choice(column=other))
    assert (series.name_says, series.other_feeds) == (PART, (repr(one),))
    whole = nine_rows(tmp_path, f"{head},{one.replace('idle', 'total')}", "{w},5{w},6{w}")
    assert not read(whole, Choice()).name_says


def test_one_part_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="log the power of the whole load"):
        read(nine_rows(tmp_path, "time,dynamic_power_w", "{w}"), Choice())


@pytest.mark.parametrize("label", ["mode", "state", "part"])
@pytest.mark.parametrize("other", ["dynamic", "active"])
def test_parts_as_rows_and_as_series(tmp_path: Path, label: str, other: str) -> None:
    path = nine_rows(tmp_path, f"time,{label},power_w", "idle,60", f"{other},{{w}}")
    assert suggested(path, Choice()) == ()
    choice = Choice(select=((label, other),))
    assert read(path, choice).other_feeds == (f"{label}=idle",)
    assert read(path, choice).name_says == PART
    path = prometheus_answer(tmp_path, {label: "idle"}, {label: other})
    assert suggested(path, Choice()) == ()
    with pytest.raises(Undecided, match="query their sum"):
        read(path, Choice())
    assert read(path, choice).other_feeds == (f"{label}=idle",)
    assert read(path, choice).name_says == PART


def test_the_states_of_a_node_are_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    lines = [f"{T0 + i},{'idle' if i < 5 else 'active'},{100 + i}" for i in range(12)]
    path.write_text("\n".join(["time,mode,power_w", *lines]) + "\n", "utf-8")
    assert not read(path, Choice()).name_says
