"""The solution and the sensitivity of the sample of a published claim.

Synthetic numbers, measured nowhere.
"""

from __future__ import annotations

from energybench.model import (
    BreakEven,
    Estimate,
    FixedQuestion,
    Implied,
    Sensitivity,
    Solution,
    Swing,
    Tension,
    Unknown,
)


def solution() -> Solution:
    """A solved unknown, one that is open, and a figure that needs another quantity."""
    return Solution(
        unknowns=(
            Unknown(
                name="power_gpu_w",
                label="power of a GPU node",
                unit="W",
                plausible=(846.0, 1880.0),
                source="45 to 100 % of component TDP",
                evidence="assumed",
                solution=(846.0, 1490.0),
                best=1027.0,
                whole=1880.0,
                whole_label="component TDP",
            ),
            Unknown(
                name="nodes",
                label="GPU nodes",
                unit="nodes",
                plausible=(1.0, 1792.0),
                source="docs.nersc.gov",
                evidence="seen",
            ),
        ),
        holds=("energy saved a month", "money saved a month"),
        fails=("DeepCAM's ratio",),
        tensions=(
            Tension(
                claim="DeepCAM's ratio",
                unknown="power_gpu_w",
                label="power of a GPU node",
                unit="W",
                of="DeepCAM",
                plausible=(846.0, 1880.0),
                needed=(38.0, 686.0),
                nearest=524.0,
                why="power of a GPU node, DeepCAM, at most 686 W (36 % of component TDP)",
                whole=1880.0,
                whole_label="component TDP",
            ),
        ),
        implied=(
            Implied(
                name="nodes_cpu",
                label="CPU nodes that do the same work",
                unit="nodes",
                formula="nodes * speedup",
                best=2352.0,
                solution=(1756.0, 2779.0),
                note="Perlmutter has 3 072",
            ),
        ),
    )


def sensitivity() -> Sensitivity:
    """Swings that rise and fall, one of them measured; break-evens with and without a solution; a
    question without an answer.
    """
    return Sensitivity(
        swings=(
            Swing(
                answer="saved_mwh_per_month",
                input="power_baseline_w",
                label="power of a CPU node",
                stated=(560.0, 784.0),
                at_low=480.0,
                at_high=731.0,
                unit="MWh",
                input_unit="W",
            ),
            Swing(
                answer="saved_mwh_per_month",
                input="power_candidate_w",
                stated=(1400.0, 1780.0),
                at_low=604.0,
                at_high=569.0,
                unit="MWh",
                input_unit="W",
                interval_of="measured",
            ),
        ),
        break_evens=(
            BreakEven(
                answer="saved_mwh_per_month",
                input="speedup",
                unit="",
                current=12.0,
                searched=(0.12, 1200.0),
                value=2.399,
                crossings=3,
                jumps=True,
            ),
            BreakEven(
                answer="saved_cost_per_month",
                input="energy_price_per_kwh",
                label="price of electricity",
                unit="USD/kWh",
                current=0.1,
                searched=(0.001, 10.0),
                value=None,
            ),
        ),
        questions=(
            FixedQuestion(
                fixed="nodes",
                answers=(
                    ("candidate nodes", Estimate(value=1536.0, low=1290.0, high=1680.0), "nodes"),
                    (
                        "energy saved a month",
                        Estimate(value=-1029.0, low=-1300.0, high=-800.0),
                        "MWh",
                    ),
                ),
                why="as many candidate nodes as baseline nodes",
            ),
            FixedQuestion(
                fixed="budget",
                answers=(("candidate nodes", None, "nodes"), ("energy saved a month", None, "MWh")),
                why="no price is stated",
            ),
        ),
    )
