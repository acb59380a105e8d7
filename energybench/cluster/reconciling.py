"""Compare a row of Slurm's accounts with our own energy of the same components, node-seconds and
time, and split the difference into its causes. Pure functions.

    Slurm's figure - ours = window + nodes + boundary + steps + sampling + unexplained

window    the row begins before our samples and ends after them
nodes     unread nodes of the row, with the power of the read nodes
boundary  parts of the nodes that Slurm's plug-in does not read
steps     a row that is a sum of steps counts some time more than once, and other time not at all
sampling  Slurm's readings at the edges may be old: no value, only an interval
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from energybench.analysis.measurement.component_energy import ComponentEnergy
from energybench.analysis.measurement.node_peers import MOST_NODE_W, Fill
from energybench.analysis.uncertainty.effects import bound, combine, exact, rectangular, scale
from energybench.cluster.row_windows import RowKind, RowWindow
from energybench.model import Effect, Estimate, Noun
from energybench.units import counted, short_figure

Finding = Literal[
    "reconciled",
    "differs",
    "sum-of-steps",
    "extern-ended-early",
    "short",
    "uncovered",
    "no-result",
    "not-measured",
    "not-ended",
]
# Energy in a row: its own, the sum of the job's steps, or the energy of the step `extern`, which
# ended before the job.
Stands = Literal["itself", "steps", "extern"]
# Allowed relative difference between Slurm and our samples in the same window.
TOLERANCE = 0.02
# Below this length of a row, rounding its times to whole seconds costs percents.
SHORT_S = 100.0
# Least share of a row's node-seconds that has to be read, because the power of the rest is only
# extrapolated.
COVERED = 0.9
_WHOLE_SECOND_S = 0.5
_MOST_NAMES = 8  # of nodes in a message


class OwnEnergy(NamedTuple):
    """Our energy of the nodes and the time of a row, as far as samples reach.

    row      time and nodes of the row
    nodes    energies by node; a node without samples is missing
    results  identity of the result behind the samples, for each node
    """

    row: RowWindow
    nodes: dict[str, ComponentEnergy]
    results: dict[str, str]

    @property
    def node_s(self) -> float:
        return self.row.node_s

    @property
    def unread(self) -> tuple[str, ...]:
        """Nodes of the row without samples."""
        return tuple(node for node in self.row.nodes if node not in self.nodes)

    @property
    def nodes_j(self) -> Estimate:
        """Energy of the nodes without samples, from the powers of the read nodes. A row belongs to
        a single component of a job.
        """
        seconds = self.row.end_s - self.row.start_s
        powers_w = [
            (energy.energy_j.value + energy.unread_j.value) / seconds
            for energy in self.nodes.values()
            if seconds > 0
        ]
        if not powers_w or not self.unread:
            return exact(0.0)
        fill, missing_s = Fill.of_peers(powers_w), seconds * len(self.unread)
        return combine(
            missing_s * fill.likely_w,
            [
                bound("node-missing", missing_s * (limit_w - fill.likely_w))
                for limit_w in (fill.least_w, fill.most_w)
            ],
        )

    @property
    def read_node_s(self) -> float:
        return sum(energy.read_s for energy in self.nodes.values())

    @property
    def energy_j(self) -> Estimate:
        return total([energy.energy_j for energy in self.nodes.values()])

    @property
    def unread_j(self) -> Estimate:
        return total([energy.unread_j for energy in self.nodes.values()])

    @property
    def others_j(self) -> Estimate:
        return total([energy.others_j for energy in self.nodes.values()])

    @property
    def edges_w(self) -> tuple[float, float]:
        """Power of all nodes at the start and at the end."""
        edges = [energy.edge_w for energy in self.nodes.values()]
        return sum(first for first, _ in edges), sum(last for _, last in edges)

    @property
    def limit_w(self) -> float:
        return sum(energy.limit_w for energy in self.nodes.values())


class Split(Noun, frozen=True, kw_only=True):
    """The difference between Slurm's figure and ours, by cause, J. The values add up to the
    difference.

    unexplained_rel  share of the energy that Slurm should show
    """

    window_j: Estimate
    nodes_j: Estimate
    boundary_j: Estimate
    steps_j: Estimate
    sampling_j: Estimate
    unexplained_j: Estimate
    unexplained_rel: float


class Reconciled(Noun, frozen=True, kw_only=True):
    """A row of Slurm's accounts, and what it means.

    slurm_j      as stated in the row; None for a blank
    finding, why the meaning of the row
    ours_j       energy of the components that Slurm counts, during our readings. Its interval lacks
                 the sensors' gain, which Slurm's figure shares
    expected_j   the figure that Slurm should show
    split        None without a comparison
    results      identities of the results behind `ours_j`
    unread       nodes of the row without readings in our results at the time
    bugs         known faults of this version with this symptom
    """

    label: str
    kind: RowKind
    restart: int
    state: str
    nodes: tuple[str, ...]
    elapsed_s: int | None
    node_s: float | None
    read_node_s: float | None
    slurm_j: float | None
    finding: Finding
    why: str
    ours_j: Estimate | None = None
    expected_j: Estimate | None = None
    difference_j: float | None = None
    split: Split | None = None
    bugs: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def total(estimates: Sequence[Estimate]) -> Estimate:
    """Sum of the effects. Effects of different nodes are independent."""
    effects: list[Effect] = [effect for each in estimates for effect in each.effects]
    return combine(sum(each.value for each in estimates), effects)


def not_measured(
    slurm_j: float | None, plug_ins: Sequence[str], node_s: float | None, limit_w: float | None
) -> str:
    """Reason why a figure of Slurm is not a measurement; "" if the figure may be a measurement.

    limit_w  largest power of a node; None: the largest power of any node
    """
    if not plug_ins:
        return "Slurm counts no energy here (AcctGatherEnergyType is none)"
    if slurm_j is None:
        return "blank: Slurm had no reading (a sensor that it cannot read, or a row without end)"
    if slurm_j == 0:
        return "0 J is what Slurm writes if it read nothing"
    each_w = limit_w or MOST_NODE_W
    most_j = each_w * (node_s or 0.0)
    if node_s is not None and slurm_j > most_j:
        return (
            f"{short_figure(slurm_j)} J is more than the nodes can draw in that time "
            f"({each_w:.0f} W a node, {short_figure(most_j)} J)"
        )
    return ""


def shown(slurm_j: float | None, why: str) -> str:
    """Form of a figure that is not a measurement, in the words of data/slurm_bugs.toml."""
    if not why:
        return "differs"
    if slurm_j is None:
        return "blank"
    return "0" if slurm_j == 0 else "above-limit"


def split(
    slurm_j: float,
    own: OwnEnergy,
    period_s: float,
    steps: Sequence[OwnEnergy] | None,
) -> tuple[Estimate, Split]:
    """The figure that Slurm should show, and the causes of the difference.

    period_s  largest age of a reading of Slurm
    steps     own energies of the steps that the row adds up, or of the step that stands for the
              row; None: the row has its own energy
    """
    summed = list(steps) if steps is not None else [own]
    within_j = total([each.energy_j for each in summed])
    window_j = total([*(each.unread_j for each in summed), _whole_seconds(summed)])
    sampling_j = combine(0.0, _edges("window-edges", period_s, summed))
    nodes_j = total([each.nodes_j for each in summed])
    steps_j = exact(within_j.value - own.energy_j.value)
    boundary_j = scale(own.others_j, -1.0)
    expected_j = total([within_j, window_j, nodes_j, sampling_j])
    unexplained_j = combine(slurm_j - expected_j.value, scale(expected_j, -1.0).effects)
    return expected_j, Split(
        window_j=window_j,
        nodes_j=nodes_j,
        boundary_j=boundary_j,
        steps_j=steps_j,
        sampling_j=sampling_j,
        unexplained_j=unexplained_j,
        unexplained_rel=unexplained_j.value / expected_j.value if expected_j.value else 0.0,
    )


def _whole_seconds(summed: Sequence[OwnEnergy]) -> Estimate:
    """Slurm states times in whole seconds: the energy of half a second at each edge."""
    return combine(0.0, _edges("edge-times", _WHOLE_SECOND_S, summed))


def _edges(
    kind: Literal["window-edges", "edge-times"], half_s: float, summed: Sequence[OwnEnergy]
) -> list[Effect]:
    return [rectangular(kind, half_s * power_w) for own in summed for power_w in own.edges_w]


def finding(
    row: RowWindow, own: OwnEnergy, expected_j: Estimate, causes: Split, stands: Stands
) -> tuple[Finding, str]:
    """The finding about a row that Slurm measured and that our samples cover.

    stands  the source of the row's energy
    """
    seconds = row.end_s - row.start_s
    share = own.read_node_s / own.node_s if own.node_s else 0.0
    rel = causes.unexplained_rel
    words = f"{abs(rel):.1%} {'more' if rel > 0 else 'less'} than our samples say"
    if stands == "extern":
        return "extern-ended-early", (
            "the row holds the energy of the step extern, which ended before the job (a signal to "
            f"the whole job ends it); {words} for that step"
        )
    if share < COVERED:
        return "uncovered", f"our samples cover {share:.0%} of the row's node-seconds{_why(own)}"
    if stands == "steps" and abs(causes.steps_j.value) > TOLERANCE * abs(own.energy_j.value):
        more = "more than once" if causes.steps_j.value > 0 else "not at all"
        return "sum-of-steps", (
            f"the row is the sum of the job's steps (no PrologFlags=Contain): "
            f"{abs(causes.steps_j.value):,.0f} J are counted {more}; {words} for that sum"
        )
    if seconds < SHORT_S:
        return "short", (
            f"{seconds:.0f} s: whole seconds and readings of Slurm alone are "
            f"±{expected_j.half_width / max(expected_j.value, 1e-9):.1%}; {words}"
        )
    if abs(rel) <= TOLERANCE:
        return "reconciled", words
    words += _why(own)
    within = causes.unexplained_j.low <= 0 <= causes.unexplained_j.high
    return "differs", words + (", within the interval" if within else "")


def _why(own: OwnEnergy) -> str:
    """Words on the unread nodes."""
    if not own.unread:
        return ""
    return (
        f": {len(own.unread)} of its {counted(len(own.row.nodes), 'node')} were not read "
        f"({_some(own)})"
    )


def _some(own: OwnEnergy) -> str:
    shown = own.unread[:_MOST_NAMES]
    more = len(own.unread) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
