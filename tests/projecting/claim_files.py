"""Scenario files with claims, inputs and unknowns, for the tests of claims."""

from __future__ import annotations

from energybench.model import Claim, Comparison, Projection
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from tests.projecting.scenarios import comparison

HEAD = """
schema = "energybench-scenario/1"
name = "n"
title = "T"
about = "A"
applications = ["Alpha", "Beta code"]
"""


def inputs(**values: tuple[float, float, float] | float) -> str:
    """[inputs.NAME] tables; three numbers are value, low and high."""
    tables = []
    for name, value in values.items():
        numbers = value if isinstance(value, tuple) else (value, value, value)
        keys = zip(("value", "low", "high"), numbers, strict=True)
        stated = "\n".join(f"{key} = {number}" for key, number in keys)
        tables.append(f'[inputs.{name}]\n{stated}\nunit = ""\nsource = "s"\nevidence = "seen"\n')
    return "\n".join(tables)


def unknown(name: str, low: float, high: float, **more: object) -> str:
    keys = "".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
        for key, value in more.items()
    )
    unit = "" if "measured" in more else 'unit = ""\n'
    return (
        f'[unknowns.{name}]\nlabel = "quantity {name}"\nlow = {low}\nhigh = {high}\n{unit}'
        f'source = "s"\n{keys}\n'
    )


def claim(name: str, claimed: float, derived: str = "", **more: object) -> str:
    keys = "".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
        for key, value in more.items()
    )
    formula = f'derived = "{derived}"\n' if derived else ""
    return f'[[claims]]\nname = "{name}"\nclaimed = {claimed}\n{formula}{keys}\n'


def run(*tables: str, comparisons: tuple[Comparison, ...] = ()) -> Projection:
    return project(parse(HEAD + "\n".join(tables), "f.toml"), comparisons, "f.toml")


def only(projection: Projection) -> Claim:
    (result,) = projection.claims
    return result


RATIO = """
[inputs.speedup]
measured = "speedup"
[inputs.cpu]
measured = "power_baseline_w"
[inputs.gpu]
measured = "power_candidate_w"
"""
APPS = (
    comparison("ALPHA", speedup=8.0, power_w=(500.0, 1000.0)),
    comparison("beta code", speedup=2.0, power_w=(500.0, 1000.0)),
)
