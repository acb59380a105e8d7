"""Sensitivities of a small fleet, and of files of lines, for the tests of projecting."""

from __future__ import annotations

from energybench.model import BreakEven, Sensitivity
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse

HEAD = 'schema = "energybench-scenario/1"\nname = "n"\ntitle = "T"\nabout = "A"\n'
FLEET = HEAD + 'model = "fleet"\nboundary = "node-ac"\n'
BASE: dict[str, tuple[float, str]] = {
    "nodes_baseline": (120, "nodes"),
    "speedup": (10, ""),
    "power_baseline_w": (500, "W"),
    "power_candidate_w": (1500, "W"),
    "utilisation_baseline": (1, ""),
    "utilisation_candidate": (1, ""),
}
IDLE: dict[str, tuple[float, str]] = {
    "idle_power_baseline_w": (200, "W"),
    "idle_power_candidate_w": (600, "W"),
}
PRICES: dict[str, tuple[float, str]] = {
    "instance_price_baseline_per_h": (2, "USD/h"),
    "instance_price_candidate_per_h": (9, "USD/h"),
}
H = 730


def entry(name: str, value: float, unit: str, *ends: float) -> str:
    limits = "".join(
        f"{key} = {end}\n" for key, end in zip(("low", "high"), ends, strict=False) if ends
    )
    date = 'date = "2025"\n' if "/h" in unit or "/kWh" in unit else ""
    return f'[inputs.{name}]\nvalue = {value}\n{limits}unit = "{unit}"\nsource = "s"\n{date}'


def found(text: str) -> Sensitivity:
    result = project(parse(text, "f.toml"), (), "f.toml", with_sensitivity=True)
    assert result.sensitivity is not None
    return result.sensitivity


def fleet(ranges: dict[str, tuple[float, float]] | None = None, **more: tuple[float, str]) -> str:
    tables = {**BASE, **more}
    currency = 'currency = "USD"\n' if any("USD" in unit for _, unit in tables.values()) else ""
    return (
        FLEET
        + currency
        + "".join(
            entry(name, *stated, *(ranges or {}).get(name, ())) for name, stated in tables.items()
        )
    )


def even(sensitivity: Sensitivity, name: str, answer: str = "saved_mwh_per_month") -> BreakEven:
    (one,) = [e for e in sensitivity.break_evens if (e.input, e.answer) == (name, answer)]
    return one


def question(sensitivity: Sensitivity, fixed: str) -> dict[str, float]:
    (one,) = [q for q in sensitivity.questions if q.fixed == fixed]
    return {words: value.value for words, value, _ in one.answers if value is not None}
