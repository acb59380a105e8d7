"""From a campaign to its runs, and to the jobs that make the runs."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from energybench.campaigns.campaign import CAP, UNDO_CAP, Campaign, Case, Platform
from energybench.errors import BadInput

_DIGITS = 8  # of the digest in a run's key


class PowerSetting(NamedTuple):
    """Power cap and clocks requested by a job; None: unchanged."""

    gpu_power_w: int | None = None
    gpu_clock_mhz: int | None = None
    cpu_clock_khz: int | None = None

    @property
    def words(self) -> list[str]:
        """["200W", "1410MHz"], for names."""
        values = zip(self, ("W", "MHz", "kHz"), strict=True)
        return [f"{value}{unit}" for value, unit in values if value is not None]


class PlannedRun(NamedTuple):
    """A case on a platform, with one number of nodes and one power setting.

    key    identifies the run with its result-shaping settings; the run's record holds the key
    label  name of the result: "milc gpu 4-nodes"
    """

    case: str
    platform: str
    nodes: int
    setting: PowerSetting
    key: str
    label: str

    @property
    def name(self) -> str:
        """CASE@PLATFORM, and the difference from other runs of this case on this platform."""
        return self.key.split("/")[1]


class PlannedJob(NamedTuple):
    """Runs that share an allocation: all cases of a platform, a number of nodes and a setting."""

    name: str
    platform: str
    nodes: int
    spread: int
    setting: PowerSetting
    runs: tuple[PlannedRun, ...]


def planned_jobs(campaign: Campaign) -> list[PlannedJob]:
    """The jobs of a campaign, in the order of its file."""
    jobs = []
    for name, platform in campaign.platforms.items():
        cases = [case for case, spec in campaign.cases.items() if _stands_on(spec, name)]
        if not cases:
            continue
        for nodes, setting in itertools.product(_several(platform.nodes), _settings(platform)):
            suffix = _suffix(platform, nodes, setting)
            runs = tuple(_run(campaign, case, name, nodes, setting, suffix) for case in cases)
            job = ".".join([name, *suffix])
            jobs.append(PlannedJob(job, name, nodes, platform.spread, setting, runs))
    return jobs


def planned_runs(campaign: Campaign) -> list[PlannedRun]:
    return [run for job in planned_jobs(campaign) for run in job.runs]


def compared_runs(campaign: Campaign, where: str) -> list[tuple[PlannedRun, PlannedRun]]:
    """The runs of every comparison. A side with a single run is compared with every run of the
    other side; if both sides have several runs, runs with the same nodes and setting are compared.

    Raises BadInput.
    """
    pairs: list[tuple[PlannedRun, PlannedRun]] = []
    for number, pair in enumerate(campaign.comparisons, 1):
        place = f"{where}: comparisons[{number}]"
        baselines = _side(campaign, pair.baseline, f"{place}.baseline")
        candidates = _side(campaign, pair.candidate, f"{place}.candidate")
        both = list(itertools.product(baselines, candidates))
        if min(len(baselines), len(candidates)) > 1:
            both = [
                (a, b) for a, b in both if (a.nodes, a.setting) == (b.nodes, b.setting) and a != b
            ]
        if not both:
            raise BadInput(
                place,
                "has no two runs with the same number of nodes and the same power setting",
                "the same nodes on both platforms, or one number of nodes on one of them",
            )
        pairs += both
    return list(dict.fromkeys(pairs))


def _side(campaign: Campaign, side: str, where: str) -> list[PlannedRun]:
    case, _, platform = side.partition("@")
    runs = [run for run in planned_runs(campaign) if (run.case, run.platform) == (case, platform)]
    if not runs:
        names = dict.fromkeys(f"{run.case}@{run.platform}" for run in planned_runs(campaign))
        raise BadInput(where, f"{side!r} is not a case on a platform", f"one of {', '.join(names)}")
    return runs


def _stands_on(case: Case, platform: str) -> bool:
    return case.platforms is None or platform in case.platforms


def _several(value: int | tuple[int, ...] | None) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _settings(platform: Platform) -> Iterable[PowerSetting]:
    values = (platform.gpu_power_w, platform.gpu_clock_mhz, platform.cpu_clock_khz)
    return itertools.starmap(
        PowerSetting, itertools.product(*(_several(value) or (None,) for value in values))
    )


def _suffix(platform: Platform, nodes: int, setting: PowerSetting) -> list[str]:
    """The difference of a job from other jobs of its platform."""
    words = [f"{nodes}-nodes"] if len(_several(platform.nodes)) > 1 else []
    return words + (setting.words if len(list(_settings(platform))) > 1 else [])


def _run(
    campaign: Campaign,
    case: str,
    platform: str,
    nodes: int,
    setting: PowerSetting,
    suffix: list[str],
) -> PlannedRun:
    name = ".".join([f"{case}@{platform}", *suffix])
    key = f"{campaign.name}/{name}/{_digest(campaign, case, platform, nodes, setting)}"
    label = " ".join([case, platform, *suffix])
    return PlannedRun(case, platform, nodes, setting, key, label)


def _digest(campaign: Campaign, case: str, platform: str, nodes: int, setting: PowerSetting) -> str:
    """Digest of all result-shaping data in the files of a campaign: a changed case or adapter is
    another run. The account, the queue, the time limit and the command of a power cap shape
    nothing.
    """
    nodes_only = msgspec.structs.replace(
        campaign.platforms[platform],
        account=None,
        qos=None,
        reservation=None,
        minutes=1,
        nodes=nodes,
        gpu_power_w=None,
        gpu_power_command=CAP,
        gpu_power_undo=UNDO_CAP,
        gpu_clock_mhz=None,
        cpu_clock_khz=None,
    )
    work = msgspec.structs.replace(campaign.cases[case], platforms=None)
    measured = (
        campaign.repeats,
        campaign.idle_s,
        campaign.min_window_s,
        campaign.max_warm_up_s,
        campaign.boundary,
    )
    parts = [work, nodes_only, list(setting), measured]
    if work.adapter is not None:
        # the description shapes no result, nor does the deck of a run of the adapter's own
        adapter = campaign.adapters[work.adapter]
        parts.append(msgspec.structs.replace(adapter, about="", run=None))
    identity = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(identity).hexdigest()[:_DIGITS]
