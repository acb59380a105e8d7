"""A row of Slurm beside our energy: the causes add up to the difference, and a figure that is no
measurement is named.
"""

from __future__ import annotations

import pytest

from energybench.analysis.measurement.component_energy import ComponentEnergy
from energybench.analysis.uncertainty.effects import combine, exact, normal, ranged
from energybench.cluster import reconciling
from energybench.cluster.reconciling import OwnEnergy, Stands
from energybench.cluster.row_windows import RowWindow

NODES = ("n1", "n2")


def own(
    watts: float = 100.0,
    read_s: float = 110.0,
    row_s: float = 114.0,
    boards_w: float = 0.0,
    nodes: tuple[str, ...] = NODES,
    of: tuple[str, ...] = NODES,
) -> OwnEnergy:
    """Two nodes of constant power, read for a part of the row."""
    unread_s = row_s - read_s
    each = ComponentEnergy(
        read_s=read_s,
        unread_s=unread_s,
        energy_j=combine(watts * read_s, [normal("window-edges", 1.0)]),
        unread_j=ranged("t", watts * unread_s, 0.9 * watts * unread_s, 1.1 * watts * unread_s),
        others_j=exact(boards_w * read_s),
        edge_w=(watts, watts),
        limit_w=1000.0,
    )
    return OwnEnergy(row(row_s, of), dict.fromkeys(nodes, each), dict.fromkeys(nodes, "run"))


def row(row_s: float = 114.0, of: tuple[str, ...] = NODES) -> RowWindow:
    return RowWindow(0.5, 0.5 + row_s, of)


def explained(
    slurm_j: float,
    energy: OwnEnergy,
    steps: list[OwnEnergy] | None = None,
    stands: Stands | None = None,
) -> tuple[str, str]:
    expected_j, causes = reconciling.split(slurm_j, energy, 1.0, steps)
    stands = stands or ("itself" if steps is None else "steps")
    return reconciling.finding(energy.row, energy, expected_j, causes, stands)


def found(slurm_j: float, energy: OwnEnergy, steps: list[OwnEnergy] | None = None) -> str:
    return explained(slurm_j, energy, steps)[0]


@pytest.mark.parametrize("slurm_j", [22_800.0, 22_400.0, 30_000.0])
@pytest.mark.parametrize("boards_w", [0.0, 300.0])
@pytest.mark.parametrize("nodes", [NODES, ("n1",)])
def test_the_causes_add_up_to_the_difference(
    slurm_j: float, boards_w: float, nodes: tuple[str, ...]
) -> None:
    energy = own(boards_w=boards_w, nodes=nodes)
    _, causes = reconciling.split(slurm_j, energy, 1.0, None)
    parts = (causes.window_j, causes.nodes_j, causes.boundary_j, causes.steps_j, causes.sampling_j)
    total_j = sum(part.value for part in parts) + causes.unexplained_j.value
    ours_j = energy.energy_j.value + energy.others_j.value
    assert total_j == pytest.approx(slurm_j - ours_j)
    assert causes.boundary_j.value == -len(nodes) * boards_w * 110


def test_the_window_is_extended_with_an_interval() -> None:
    """Four seconds without samples, whose power is known within a tenth, and whole seconds."""
    expected_j, causes = reconciling.split(22_800.0, own(), 1.0, None)
    assert expected_j.value == pytest.approx(22_800)
    assert causes.window_j.value == pytest.approx(800)
    assert causes.window_j.low < 720
    assert causes.window_j.high > 880
    assert causes.sampling_j.value == 0
    assert causes.sampling_j.half_width > 0
    assert causes.unexplained_j.low < 0 < causes.unexplained_j.high


def test_rows() -> None:
    assert found(22_800.0, own()) == "reconciled"
    assert found(22_400.0, own()) == "reconciled"
    assert found(24_000.0, own()) == "differs"
    assert found(8_000.0, own(read_s=39.0, row_s=40.0)) == "short"
    assert found(22_800.0, own(nodes=("n1",))) == "uncovered"
    assert found(22_800.0, own(read_s=80.0)) == "uncovered"


def test_an_unread_node_is_named_and_taken_to_draw_what_the_others_draw() -> None:
    """Its energy is a cause of its own: the rest of the row is still compared."""
    energy = own(nodes=("n1",))
    name, why = explained(22_800.0, energy)
    _, causes = reconciling.split(22_800.0, energy, 1.0, None)
    assert name == "uncovered"
    assert "1 of its 2 nodes were not read (n2)" in why
    assert causes.nodes_j.value == pytest.approx(11_400)
    assert causes.nodes_j.low < 11_400 / 1.2
    assert causes.nodes_j.high > 11_400 * 1.2
    assert causes.unexplained_rel == pytest.approx(0, abs=1e-6)


def test_one_unread_node_of_many_is_named_where_a_row_differs() -> None:
    many = tuple(f"n{number}" for number in range(30))
    energy = own(nodes=many[1:], of=many)
    assert explained(342_000.0, energy)[0] == "reconciled"
    name, why = explained(400_000.0, energy)
    assert name == "differs"
    assert "1 of its 30 nodes were not read (n0)" in why


def test_a_row_of_an_extern_that_ended_early_is_explained() -> None:
    """Slurm's job row holds the energy of its step extern, which a signal to the job ends."""
    energy, extern = own(), own(read_s=9.0, row_s=9.0)
    name, why = explained(1_800.0, energy, [extern], "extern")
    assert name == "extern-ended-early"
    assert "0.0% less" in why or "0.0% more" in why
    _, causes = reconciling.split(1_800.0, energy, 1.0, [extern])
    assert causes.steps_j.value == pytest.approx(1_800 - 22_000)


def test_a_sum_of_steps_counts_time_twice() -> None:
    """Two steps of the whole job: the row is twice the truth, and is explained."""
    energy = own()
    expected_j, causes = reconciling.split(45_600.0, energy, 1.0, [energy, energy])
    assert causes.steps_j.value == pytest.approx(22_000)
    assert causes.unexplained_rel == pytest.approx(0, abs=1e-6)
    name, why = reconciling.finding(row(), energy, expected_j, causes, "steps")
    assert name == "sum-of-steps"
    assert "more than once" in why
    assert found(22_800.0, energy, [energy]) == "reconciled"


@pytest.mark.parametrize(
    ("slurm_j", "plug_ins", "words", "way"),
    [
        (None, ["rapl"], "blank", "blank"),
        (0.0, ["rapl"], "0 J", "0"),
        (0.0, [], "AcctGatherEnergyType is none", "0"),
        (17.0, [], "AcctGatherEnergyType is none", "above-limit"),
        (1e20, ["rapl"], "more than the nodes can draw", "above-limit"),
        (2.0**64, ["gpu"], "more than the nodes can draw", "above-limit"),
        (22_800.0, ["rapl"], "", "differs"),
    ],
)
def test_a_figure_that_is_no_measurement(
    slurm_j: float | None, plug_ins: list[str], words: str, way: str
) -> None:
    why = reconciling.not_measured(slurm_j, plug_ins, 228.0, 500.0)
    assert words in why
    assert bool(why) == bool(words)
    assert reconciling.shown(slurm_j, why) == way


def test_the_limit_is_that_of_the_sensors_or_of_the_largest_node() -> None:
    assert reconciling.not_measured(1e6, ["rapl"], 100.0, 500.0)
    assert not reconciling.not_measured(1e6, ["rapl"], 100.0, None)
    assert reconciling.not_measured(3e6, ["rapl"], 100.0, None)


def test_a_single_read_node_tells_no_range_of_the_others() -> None:
    """The energy of the unread node is open upward, and two read nodes close it."""
    one, two = own(nodes=("n1",), of=NODES), own(nodes=NODES, of=(*NODES, "n3"))
    seconds = one.row.end_s - one.row.start_s
    assert one.nodes_j.high == pytest.approx(seconds * reconciling.MOST_NODE_W)
    assert one.nodes_j.low == 0.0
    assert two.nodes_j.high == pytest.approx(1.22 * two.nodes_j.value)
