"""What a reader of a statement asks, and its answers from the runs: meters, quality, dates, what is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from energybench.grading.facts import facts
from energybench.grading.part_channels import counted_channels
from energybench.grading.statable import recorded_days
from energybench.model import Measurement, PartState, state_words
from energybench_reports.view.wording import component_words, counted, listed, ordered, plain

# Energy outside each boundary, in words and in few words.
LEFT_OUT = {
    "device": (
        "everything of the node but its accelerators, and all outside the node",
        "all but the accelerators",
    ),
    "compute": (
        "fans, network cards, disks and regulators of the node, losses of its power supply, "
        "switches, storage, cooling",
        "fans, network, disks, power supply, cooling",
    ),
    "node-dc": (
        "losses of the node's power supply, switches, storage, cooling",
        "power supply, switches, storage, cooling",
    ),
    "node-ac": ("switches, storage, cooling", "switches, storage, cooling"),
}
_INSIDE = {
    "device": "the accelerators alone",
    "compute": "processors, memory and accelerators of the nodes",
    "node-dc": "whole nodes, behind their power supplies",
    "node-ac": "whole nodes, at the plug",
}
_MOST_LABELS = 2
ALWAYS_LEFT_OUT = "energy to make the hardware; time in which the nodes wait for work"


def left_out(boundary: str) -> tuple[str, str]:
    """(in words, in few words) of a boundary."""
    words = f"all that is not in the boundary {plain(boundary)}"
    return LEFT_OUT.get(boundary, (words, words))


def boundary_words(name: str) -> str:
    """'compute (processors, memory and accelerators of the nodes)'."""
    return f"{plain(name)} ({_INSIDE[name]})" if name in _INSIDE else plain(name)


def parts_that_are(state: PartState, runs: Sequence[Measurement]) -> str:
    """The components of the boundary in a state, "missing" if a sensor should have read them and
    none did; "" if there are none.
    """
    states: dict[str, set[PartState]] = {}
    labels: dict[str, dict[str, None]] = {}  # by component, the runs that have it in `state`
    for run in runs:
        for part in run.boundary.parts:
            states.setdefault(part.component, set()).add(part.state)
            if part.state == state:
                labels.setdefault(part.component, {})[plain(run.label) or plain(run.id)] = None
    return listed(
        component_words(name)
        + (f" of {_few(labels[name])}" if len(states[name]) > 1 and len(runs) > 1 else "")
        for name in ordered(labels)
    )


def _few(labels: Iterable[str]) -> str:
    names = list(labels)
    return listed(names) if len(names) <= _MOST_LABELS else counted(len(names), "run")


def meters(runs: Sequence[Measurement]) -> str:
    """'nvml (gpu.board), rapl (cpu.package, cpu.dram)': the sensors behind the energies."""
    parts: dict[str, list[str]] = {}
    for run in runs:
        for channel in counted_channels(run):
            parts.setdefault(plain(channel.collector), []).append(channel.component)
    return ", ".join(
        f"{name} ({', '.join(dict.fromkeys(map(component_words, ordered(parts[name]))))})"
        for name in sorted(parts)
    )


def collectors(runs: Sequence[Measurement]) -> list[str]:
    """Names of the collectors of the sensors behind the energies."""
    return sorted({plain(entry.collector) for run in runs for entry in counted_channels(run)})


def accuracy(runs: Sequence[Measurement]) -> str:
    """The limit of error of the least accurate sensor of all runs."""
    known = [entry for run in runs if (entry := facts(run)).error_rel is not None]
    if not known:
        return "limit of error not known"
    worst = max(known, key=lambda entry: entry.error_rel or 0.0)
    assert worst.error_rel is not None
    component = component_words(worst.worst)
    return f"limit of error of a sensor up to ±{100 * worst.error_rel:.2g} % ({component})"


def quality(runs: Sequence[Measurement]) -> str:
    """'8 measured, 1 modelled of 9 parts'; parts with a sensor in a replay are 'replayed'."""
    states = [
        state_words(part.state, replayed=run.replayed)
        for run in runs
        for part in run.boundary.parts
        for _ in range(part.count)
    ]
    order = ("measured", "replayed", "modelled", "missing")
    counts = [f"{states.count(state)} {state}" for state in order if state in states]
    return f"{', '.join(counts)} of {counted(len(states), 'part')}" if counts else "no parts listed"


def named_quality(runs: Sequence[Measurement]) -> str:
    """'measured: gpu.board and cpu.package; modelled, not measured: cpu.dram'. What a replay has
    read from a recording is named as such.
    """
    replayed = [run for run in runs if run.replayed]
    here = [run for run in runs if not run.replayed]
    named = [
        ("measured", parts_that_are("measured", here)),
        ("replayed from a recording, not measured here", parts_that_are("measured", replayed)),
        ("modelled, not measured", parts_that_are("modelled", runs)),
        ("without a sensor", parts_that_are("missing", runs)),
    ]
    return "; ".join(f"{words}: {names}" for words, names in named if names) or "no parts listed"


def dates(runs: Iterable[Measurement]) -> str:
    """'2026-03-02', or '2026-03-02 to 2026-03-04', of the starts; "" if no run knows its date."""
    days = recorded_days(runs)
    if len(days) > 1:
        return f"{plain(days[0])} to {plain(days[-1])}"
    return plain(days[0]) if days else ""


def node_words(run: Measurement) -> str:
    """'2 × AMD EPYC 7763, 4 × NVIDIA A100': processors and accelerators of a node."""
    host = run.host
    parts = []
    if host.cpu:
        parts.append(f"{host.sockets} × {plain(host.cpu)}" if host.sockets else plain(host.cpu))
    names = [plain(board.name) for board in host.gpus if board.name]
    parts += [f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
    return ", ".join(parts) or "processors not known"


def work_words(run: Measurement) -> str:
    """'milc M, solve to residual 1e-10'."""
    words = []
    if run.workload is not None:
        words.append(plain(f"{run.workload.name} {run.workload.size}"))
    elif run.command:
        words.append(plain(" ".join(run.command)))
    if run.work is not None:
        words.append(plain(run.work.unit))
    return ", ".join(words) or "a command"
