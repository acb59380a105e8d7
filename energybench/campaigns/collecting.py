"""The results of a campaign: tables, comparisons, projections, and the document of its report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from energybench.analysis.comparison.compare import compare
from energybench.analysis.uncertainty.propagation import propagate
from energybench.campaigns.campaign import Campaign, Published
from energybench.campaigns.campaign_folder import CampaignFolder, State, whole
from energybench.campaigns.judging import Unfinished, judge
from energybench.campaigns.planned_runs import (
    PlannedJob,
    PlannedRun,
    compared_runs,
    planned_jobs,
)
from energybench.campaigns.power_caps import as_requested
from energybench.campaigns.tables import (
    MIN_NODES,
    NodeDifference,
    Table,
    mean_over_nodes,
    middle,
    node_difference,
    per_work,
    tables,
)
from energybench.errors import BadInput, Refused
from energybench.model import (
    ARITHMETIC_MEAN,
    ENERGY_WEIGHTED_MEAN,
    GEOMETRIC_MEAN,
    Comparison,
    Estimate,
    Measurement,
    Noun,
    Projection,
)
from energybench.projecting.project import project
from energybench.projecting.scenario_files import names as built_in_scenarios
from energybench.projecting.scenario_files import read as read_scenario
from energybench.store.digests import of_stored
from energybench.units import counted

MEANS = {
    ARITHMETIC_MEAN: "arithmetic mean",
    GEOMETRIC_MEAN: "geometric mean",
    ENERGY_WEIGHTED_MEAN: "energy-weighted (harmonic) mean",
}


class NodesRatio(Noun, frozen=True, kw_only=True):
    """Energy ratio of the means over the nodes of two sides.

    nodes  nodes of the baseline and the candidate
    about  "these 2 and 3 nodes", or "nodes of the platforms"
    """

    baseline: str
    candidate: str
    energy_ratio: Estimate
    nodes: tuple[int, int]
    about: str


class Mean(Noun, frozen=True, kw_only=True):
    """A mean of the energy ratios, over all comparisons."""

    name: str
    value: Estimate


class UnfinishedRun(Noun, frozen=True, kw_only=True):
    """A run as judged by `campaign status`, without the state of a job that waits or runs again."""

    run: str
    state: Unfinished
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.run} ({self.reason})" if self.reason else self.run


class CampaignResult(Noun, frozen=True, kw_only=True):
    """The results of a campaign so far.

    missing     runs without a measurement and without an attempt, as far as known without Slurm
    unfinished  runs with an attempt and without the requested result
    refused     comparisons that cannot be made, with the reason
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["campaign"] = "campaign"
    campaign: str
    title: str
    about: str
    missing: tuple[str, ...]
    unfinished: tuple[UnfinishedRun, ...]
    tables: tuple[Table, ...]
    nodes: tuple[NodeDifference, ...]
    comparisons: tuple[Comparison, ...]
    node_ratios: tuple[NodesRatio, ...]
    means: tuple[Mean, ...]
    published: tuple[Published, ...]
    projections: tuple[Projection, ...]
    refused: tuple[str, ...]


class Collected(NamedTuple):
    """The result, and the measurements in the report."""

    result: CampaignResult
    measurements: list[Measurement]


def collect(campaign: Campaign, folder: CampaignFolder, where: str, *, local: bool) -> Collected:
    """Raises BadInput if nothing was measured, or a scenario cannot be read."""
    jobs = planned_jobs(campaign)
    runs = [run for job in jobs for run in job.runs]
    directories: dict[str, Path] = {}
    read = folder.measurements([run.key for run in runs], directories)
    whole_by_key = {run.key: whole(as_requested(read[run.key], run.setting)) for run in runs}
    measured = [(run, whole_by_key[run.key]) for run in runs]
    unfinished = _unfinished(jobs, read, folder.state(campaign), local=local)
    if not any(whole_by_key.values()):
        tried = ", ".join(str(run) for run in unfinished.values() if run.reason)
        command = f"energybench campaign submit {shlex.quote(where)}{' --local' if local else ''}"
        raise BadInput(
            str(folder.store),
            f"holds no result of this campaign: {tried}"
            if tried
            else "holds no run of this campaign yet",
            command,
        )
    compared, ratios, refused = _comparisons(campaign, whole_by_key, unfinished, where)
    comparisons = of_stored(compared, directories)
    projections = _projections(campaign, comparisons, refused)
    result = CampaignResult(
        campaign=campaign.name,
        title=campaign.title,
        about=campaign.about,
        missing=tuple(run.name for run, some in measured if not some and run.key not in unfinished),
        unfinished=tuple(unfinished.values()),
        tables=tuple(tables(campaign, measured)),
        nodes=tuple(
            difference
            for run, some in measured
            if (difference := node_difference(run, some)) is not None
        ),
        comparisons=tuple(comparisons),
        node_ratios=tuple(ratios),
        means=_means(projections),
        published=campaign.published,
        projections=tuple(projections),
        refused=tuple(refused),
    )
    return Collected(result, [middle(some) for _, some in measured if some])


def _unfinished(
    jobs: Sequence[PlannedJob],
    measured: Mapping[str, Sequence[Measurement]],
    state: State,
    *,
    local: bool,
) -> dict[str, UnfinishedRun]:
    """The attempted runs without a result, by the keys of the runs. Only here, a submitted run
    without any files is one of them: its job may wait in Slurm.
    """
    unfinished = {}
    for job in jobs:
        for run in job.runs:
            judgement = judge(job, run, measured[run.key], state, local=local)
            if judgement.state != "done" and (
                measured[run.key] or (local and judgement.state != "not submitted")
            ):
                unfinished[run.key] = UnfinishedRun(
                    run=run.name, state=judgement.state, reason=judgement.reason
                )
    return unfinished


# ---------------------------------------------------------------- comparisons


def _comparisons(
    campaign: Campaign,
    found: Mapping[str, Sequence[Measurement]],
    unfinished: Mapping[str, UnfinishedRun],
    where: str,
) -> tuple[list[Comparison], list[NodesRatio], list[str]]:
    comparisons, ratios, refused = list[Comparison](), list[NodesRatio](), list[str]()
    for baseline, candidate in compared_runs(campaign, where):
        sides = found[baseline.key], found[candidate.key]
        if not all(sides):
            lacking = [
                run for run, some in zip((baseline, candidate), sides, strict=True) if not some
            ]
            words = _lacking_words(lacking, unfinished)
            refused.append(f"{baseline.name} → {candidate.name}: {words}")
            continue
        try:
            comparisons.append(compare(middle(sides[0]), middle(sides[1]), campaign.margin))
        except (Refused, BadInput) as why:
            refused.append(f"{baseline.name} → {candidate.name}: {why}")
            continue
        ratio = _ratio_over_nodes((baseline, candidate), sides)
        ratios += [ratio] if ratio is not None else []
    return comparisons, ratios, refused


def _lacking_words(lacking: Sequence[PlannedRun], unfinished: Mapping[str, UnfinishedRun]) -> str:
    """'milc@cpu and milc@gpu not measured yet', 'milc@gpu ended without a result (a check failed)'
    for the runs of a comparison without a usable measurement.
    """
    by_state: dict[str, list[str]] = {}
    for run in lacking:
        state = "not measured yet"
        if run.key in unfinished:
            tried = unfinished[run.key]
            state = f"{tried.state} ({tried.reason})" if tried.reason else tried.state
        by_state.setdefault(state, []).append(run.name)
    return " and ".join(f"{' and '.join(names)} {state}" for state, names in by_state.items())


def _ratio_over_nodes(
    runs: tuple[PlannedRun, PlannedRun],
    sides: tuple[Sequence[Measurement], Sequence[Measurement]],
) -> NodesRatio | None:
    """The ratio of the means over nodes; None if both sides are a single measurement."""
    if max(map(len, sides)) < 2:
        return None
    means = []
    for side in sides:
        energies = [energy_j for one in side if (energy_j := per_work(one).energy_j) is not None]
        if not energies:
            return None
        means.append(mean_over_nodes(energies)[0] if len(energies) > 1 else energies[0])
    counts = len(sides[0]), len(sides[1])
    enough = min(counts) >= MIN_NODES
    return NodesRatio(
        baseline=runs[0].name,
        candidate=runs[1].name,
        energy_ratio=propagate(lambda x: x["b"] / x["c"], {"b": means[0], "c": means[1]}),
        nodes=counts,
        about="nodes of the platforms"
        if enough
        else f"these {counts[0]} and {counted(counts[1], 'node')}",
    )


# ---------------------------------------------------------------- projections


def _projections(
    campaign: Campaign, comparisons: Sequence[Comparison], refused: list[str]
) -> list[Projection]:
    """The comparisons carried through every scenario. An unsuitable scenario is named in `refused`;
    an unreadable scenario raises BadInput.
    """
    projections = []
    for name in campaign.scenarios if comparisons else ():
        place = name
        if name not in built_in_scenarios():
            place = os.path.relpath(campaign.folder / name)
        scenario = read_scenario(place, datetime.now(UTC).date())
        try:
            projections.append(project(scenario, comparisons, place))
        except BadInput as why:
            refused.append(f"scenario {name}: {why}")
    return projections


def _means(projections: Sequence[Projection]) -> tuple[Mean, ...]:
    """The means of several comparisons: a mean is the same in every scenario without a [mix]."""
    for projection in projections:
        lines = {line.name: line for line in projection.lines}
        if set(MEANS) <= set(lines):
            return tuple(Mean(name=words, value=lines[name].value) for name, words in MEANS.items())
    return ()
