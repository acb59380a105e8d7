"""Statements and files that the EE HPC WG's methodology demands with a submission, beside the four
aspects. No level depends on them.

Source: text/reporting.tex and text/checklist.tex of the methodology 2.0 RC 1.0.
"""

from __future__ import annotations

from energybench.grading.checks import aspect, network, power_check
from energybench.grading.facts import Facts, at_least
from energybench.model import Aspect, Check, Measurement, of_work
from energybench.units import counted

NAME = "statements with a submission"
AVERAGES = 10  # equal parts of the core phase, levels 2 and 3


def submission(measurement: Measurement, facts: Facts, machine_nodes: int | None) -> Aspect:
    """What a submitter states or attaches. `machine_nodes`: compute nodes of the whole machine;
    None: not known.
    """
    return aspect(
        NAME,
        "",
        (
            _choice(measurement, machine_nodes),
            _factor(measurement, machine_nodes),
            _unmetered(measurement),
            _parameters(measurement),
            _meter(facts),
            _series(measurement, facts),
        ),
    )


def _choice(measurement: Measurement, machine_nodes: int | None) -> Check:
    requirement = "the measured nodes are chosen at random, each kind of node by itself"
    nodes = measurement.nodes
    if machine_nodes is not None and nodes >= machine_nodes:
        finding = f"no choice: all {counted(machine_nodes, 'node')} were measured"
        return Check(asked=requirement, found=finding, result="pass")
    finding = (
        "energybench does not choose nodes: `nodes_chosen` of a publication states how the "
        f"{counted(nodes, 'node')} {'was' if nodes == 1 else 'were'} chosen"
    )
    return Check(asked=requirement, found=finding, result="unknown")


def _factor(measurement: Measurement, machine_nodes: int | None) -> Check:
    requirement = "factor from the measured nodes to the machine"
    if machine_nodes is None:
        finding = (
            "the machine's size is not known (`--machine-nodes`, and `extrapolation` of a "
            "publication)"
        )
        return Check(asked=requirement, found=finding, result="unknown")
    factor = machine_nodes / measurement.nodes
    finding = f"{factor:.6g}: {machine_nodes} / {measurement.nodes}, if all nodes are alike"
    return Check(asked=requirement, found=finding, result="pass")


def _unmetered(measurement: Measurement) -> Check:
    """A part without a meter may be stated at its maximum power; no measurement holds one."""
    requirement = (
        "an interconnect that is not measured: its maximum specified power, the formula and the "
        "maker's sheet"
    )
    finding, result = network(measurement, estimates=False)
    if result == "fail":
        finding += "; `[[unmetered]]` of a publication states the three"
        result = "unknown"
    return Check(asked=requirement, found=finding, result=result)


def _parameters(measurement: Measurement) -> Check:
    requirement = "tunable parameters: default and changed value"
    limits = {
        f"power limit {gpu.power_limit_w:g} W of {gpu.name}, default {gpu.power_limit_default_w:g} "
        "W": None
        for host in measurement.hosts or (measurement.host,)
        for gpu in of_work(host.gpus)
        if gpu.power_limit_w is not None and gpu.power_limit_default_w is not None
    }
    finding = "; ".join(limits) or "no default is known"
    finding += "; `parameters` of a publication states clocks, memory, network and firmware"
    return Check(asked=requirement, found=finding, result="unknown")


def _meter(facts: Facts) -> Check:
    requirement = "meter: device, documented accuracy, correction of losses, common clock"
    finding = (
        "the run knows its sensors and their limit of error; `meter` of a publication states the "
        "certificate, how a loss was found, and how several meters were synchronised"
    )
    return power_check(facts, requirement, finding, "unknown")


def _series(measurement: Measurement, facts: Facts) -> Check:
    requirement = (
        f"levels 2 and 3: {AVERAGES} or more averages of equal length in the core phase, idle "
        "power, raw readings"
    )
    if facts.interval_s is None:
        finding = "how often a sensor updates is not known"
        return power_check(facts, requirement, finding, "unknown")
    readings = int(facts.shortest_s / facts.interval_s)
    if facts.cut or facts.gaps:
        return power_check(facts, requirement, facts.cut or "; ".join(facts.gaps), "fail")
    if measurement.idle_power_w is None:
        finding = "idle power was not measured: --idle SECONDS"
        return power_check(facts, requirement, finding, "fail")
    if at_least(readings, AVERAGES) == "fail":
        finding = f"{counted(readings, 'reading')} in the shortest repeat, by the slowest sensor"
        return power_check(facts, requirement, finding, "fail")
    finding = "the run has all three: `energybench grade RUN --series DIR` writes them"
    if measurement.nodes > 1:
        finding = "each node has its own: `energybench grade RUN/node-NAME --series DIR`"
    return power_check(facts, requirement, finding, "pass")
