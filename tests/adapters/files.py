"""An adapter as a person writes it, with a part replaced or added."""

from __future__ import annotations

from pathlib import Path

from energybench.adapters.adapter_file import LoadedAdapter, parse

SOLVER = """
schema = "energybench-adapter/1"
name = "solver"
about = "A solver of ours."
programs = ["solver"]

[[values]]
pattern = '''(?m)^solved (?P<cells>\\d+) cells in (?P<steps>\\d+) steps, (?P<gflops>\\S+) GF/s$'''

[[values]]
pattern = '''(?m)^residual (?P<residual>\\S+)$'''
required = false

[[values]]
pattern = '''(?m)^status: (?P<status>.*)$'''

[work]
amount = "cells * steps"
unit = "cell-step"
flops = "8 * cells * steps"

[figure_of_merit]
value = "gflops"
unit = "GF/s"

[[checks]]
quantity = "residual"
value = "residual"
tolerance = 1e-6

[[checks]]
quantity = "status"
value = "status"
equals = "converged"

[problem]
values = ["cells", "steps"]
file_options = { "-i" = "{}", "-name" = "{}.in" }
files = ["solver.in"]
stdin = true
word_options = { "-D" = 2 }
"""
OUTPUT = b"solved 100 cells in 7 steps, 2.5 GF/s\nresidual 3e-7\nstatus: converged\n"


def solver(before: str = "", after: str = "") -> LoadedAdapter:
    """The adapter with `before` replaced by `after`."""
    assert before in SOLVER
    return parse(SOLVER.replace(before, after), "solver.toml", Path())
