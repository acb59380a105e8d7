"""A projection of a published claim: lines with inputs, and claims that fit, do not fit, or cannot
be derived.
"""

from __future__ import annotations

import msgspec

from energybench.model import (
    Claim,
    Doubt,
    Effect,
    Estimate,
    Input,
    Line,
    MeanValue,
    Projection,
)
from tests.reports.sample_solution import sensitivity, solution

_POST = "NVIDIA blog post of May 2023"


def _stated(name: str, value: float, low: float, high: float, unit: str, source: str) -> Input:
    """An input with a range stated in the scenario."""
    without_range = _given(name, value, low, high, unit, source)
    return msgspec.structs.replace(without_range, stated=(low, high), range="uniform")


def _given(name: str, value: float, low: float, high: float, unit: str, source: str) -> Input:
    return Input(
        name=name,
        value=Estimate(
            value=value,
            low=low,
            high=high,
            effects=(Effect(name=name, u=(high - low) / 4, kind="stated-range"),),
        ),
        unit=unit,
        source=source,
    )


def _line(
    name: str,
    value: float,
    low: float,
    high: float,
    unit: str,
    formula: str,
    inputs: tuple[Input, ...],
    note: str = "",
    label: str = "",
    group: str = "",
) -> Line:
    return Line(
        name=name,
        value=Estimate(value=value, low=low, high=high),
        unit=unit,
        formula=formula,
        inputs=inputs,
        note=note,
        label=label,
        group=group,
    )


def claims_2023() -> Projection:
    """588 MWh a month at a mean ratio of 5; figures as published, intervals for the samples."""
    speedup = _given("speedup", 12.0, 10.8, 12.0, "", f"{_POST}: up to 12x")
    hours = Input(
        name="hours_per_month",
        value=Estimate(value=730.0, low=730.0, high=730.0),
        unit="h",
        source="365 d x 24 h / 12",
    )
    nodes = _stated(
        "nodes_baseline", 1536.0, 1290.0, 1680.0, "nodes", "inferred: the post gives no fleet"
    )
    power = _stated(
        "power_baseline_w",
        656.0,
        560.0,
        784.0,
        "W",
        "inferred from the fleet; TDP of two sockets is 560 W",
    )
    candidate = _given(
        "power_candidate_w",
        1574.0,
        1400.0,
        1780.0,
        "W",
        f"{_POST}: 5x on average, mean not named; taken as weighted by the baseline's energy",
    )
    used = _given("utilisation_baseline", 1.0, 1.0, 1.0, "", "as published: full utilisation")
    price = _stated(
        "energy_price_per_kwh",
        0.10,
        0.07,
        0.14,
        "USD/kWh",
        "data/prices.csv, industrial mean of 2023",
    )
    carbon = _given(
        "carbon_g_per_kwh", 179.0, 150.0, 208.0, "g/kWh", "eGRID 2023, California, location-based"
    )
    lines = (
        _line(
            "nodes_busy",
            128.0,
            107.0,
            140.0,
            "nodes",
            "nodes_baseline * utilisation_baseline / speedup",
            (nodes, used, speedup),
            "candidate nodes busy all month",
        ),
        _line(
            "baseline_energy_mwh",
            735.0,
            640.0,
            830.0,
            "MWh",
            "hours_per_month * nodes_baseline * power_baseline_w / 1e6",
            (hours, nodes, power),
        ),
        _line(
            "candidate_energy_mwh",
            147.0,
            120.0,
            175.0,
            "MWh",
            "hours_per_month * nodes_busy * power_candidate_w / 1e6",
            (hours, candidate),
        ),
        _line(
            "saved_energy_mwh",
            588.0,
            498.0,
            679.0,
            "MWh",
            "baseline_energy_mwh - candidate_energy_mwh",
            (),
            "gross, a month",
        ),
        _line("ratio_fleet", 5.0, 4.5, 5.5, "", "baseline_energy_mwh / candidate_energy_mwh", ()),
        _line(
            "saved_energy_cost",
            58_800.0,
            38_500.0,
            84_000.0,
            "USD",
            "saved_energy_mwh * 1000 * energy_price_per_kwh",
            (price,),
            "electricity alone",
            "money saved a month, electricity",
            "money",
        ),
        _line(
            "saved_tco2e",
            105.3,
            83.0,
            129.0,
            "t CO2e",
            "saved_energy_mwh * carbon_g_per_kwh / 1000",
            (carbon,),
            "location-based, operation only",
        ),
    )
    claims = (
        Claim(
            name="energy saved a month",
            claimed=588.0,
            derived=Estimate(value=588.0, low=498.0, high=679.0),
            verdict="consistent",
            fixes=("GPU nodes",),
            solved=True,
            why="follows from R = 5 and a fleet of 735 MWh a month",
            unit="MWh",
            source=_POST,
        ),
        Claim(
            name="power of a CPU node",
            claimed=428.0,
            derived=Estimate(value=656.0, low=560.0, high=784.0),
            verdict="contradicts",
            kind="plausibility-check",
            unit="W",
            source="comparable nodes in production: ARCHER2, August 2022",
            why="the fleet that saves 588 MWh needs CPU nodes above the 560 W of their two "
            "sockets; production nodes average 428 W",
        ),
        Claim(
            name="DeepCAM's ratio",
            claimed=9.8,
            of="DeepCAM",
            derived=Estimate(value=3.36, low=3.0, high=5.1),
            solved=True,
            verdict="needs",
            needs=("power of a GPU node at most 686 W", "a speedup of at least 14.8"),
            source=_POST,
            why="R = 9.8 with S ≤ 12 needs P_gpu ≤ 1.22 P_cpu, TDPs give 3.57: the GPU nodes drew "
            "far less, or the speedup had another denominator",
        ),
        Claim(
            name="money saved a month",
            claimed=4e6,
            operator="at-least",
            derived=Estimate(value=4.04e6, low=2.9e6, high=5.4e6),
            verdict="consistent",
            why="193 instances less at list prices; energy is about 1.5 % of it",
            unit="USD",
            source=_POST,
        ),
        Claim(
            name="homes supplied",
            claimed=1.4e6,
            operator="about",
            of="not said",
            by_mean=(
                MeanValue(
                    mean="arithmetic",
                    value=Estimate(value=1.39e6, low=1.2e6, high=1.6e6),
                    holds=True,
                ),
                MeanValue(
                    mean="geometric",
                    value=Estimate(value=0.93e6, low=0.9e6, high=0.96e6),
                    holds=False,
                ),
            ),
            derived=Estimate(value=1.39e6, low=1.2e6, high=1.6e6),
            verdict="consistent",
            why="10 TWh over 7 143 kWh a home and year",
            unit="homes",
            source=_POST,
        ),
        Claim(
            name="MILC's ratio",
            claimed=2.74,
            derived=None,
            verdict="cannot-be-derived",
            why="neither factor nor watts were published; 2.74 holds only for a geometric mean",
            source="inferred",
        ),
    )
    return Projection(
        scenario="nersc-2023",
        title="588 MWh a month",
        about="588 MWh less a month: what does the figure need?",
        model="fleet",
        lines=lines,
        saved_mwh_per_month=lines[3].value,
        saved_cost_per_month=lines[5].value,
        currency="USD",
        saved_tco2e_per_month=lines[6].value,
        claims=claims,
        solution=solution(),
        sensitivity=sensitivity(),
        doubts=(
            Doubt(
                code="scenario-note",
                message="the post does not say which mean its 5x is",
                remedy="the energy-weighted (harmonic) mean is used; see the line's source",
            ),
            Doubt(
                code="full-load",
                message="full utilisation and no energy outside the nodes are assumed",
                remedy="give utilisation, PUE and P_uncovered in a scenario of your own",
            ),
        ),
    )
