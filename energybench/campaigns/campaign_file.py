"""Campaign files (TOML, schema energybench-campaign/1), read strictly.

A mistake in a file is reported in one line: file, key, problem, remedy. docs/campaigns.md lists
every key. Names and the values of Slurm's options stand in scripts and directives: only characters
that neither the shell nor sbatch interprets are accepted there. Free words (commands, settings)
are quoted by the script.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from energybench import toml_tables
from energybench.adapters.look_up import find as find_adapter
from energybench.campaigns.campaign import (
    CAP,
    UNDO_CAP,
    Campaign,
    Case,
    Pair,
    Platform,
    Published,
    Repeats,
)
from energybench.campaigns.planned_runs import compared_runs
from energybench.campaigns.power_caps import WATTS
from energybench.campaigns.sbatch_options import check_option, check_value
from energybench.errors import BadInput
from energybench.model import BoundaryName, NonNegative, Noun, Positive
from energybench.registry import load as load_plugin
from energybench.registry import registered
from energybench.regular_file import read_text

MAX_BYTES = 1_000_000
SCHEMA = "energybench-campaign/1"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_NAME_REMEDY = "a letter, then letters, digits, _ and -; at most 40 characters"
_OPTIONS = ("partition", "constraint", "account", "qos", "reservation", "gpu_type")
_DEVICE = re.compile(r"cpu|cuda(:[0-9]+)?|node")


class _File(Noun, frozen=True, kw_only=True):
    """The top level of a file. The tables inside are converted separately, so that a message can
    name the entry.
    """

    schema: str
    name: str
    title: str
    about: str = ""
    repeats: Repeats = "auto"
    idle_s: NonNegative = 10.0
    min_window_s: Positive | None = None
    max_warm_up_s: Positive | None = None
    boundary: BoundaryName = "compute"
    margin: Positive = 0.05
    scenarios: tuple[str, ...] = ()
    cases: dict[str, Any] = msgspec.field(default_factory=dict)
    platforms: dict[str, Any] = msgspec.field(default_factory=dict)
    comparisons: list[Any] = msgspec.field(default_factory=list)
    published: list[Any] = msgspec.field(default_factory=list)


def read(path: Path) -> Campaign:
    """The campaign of a file. Raises BadInput."""
    text = read_text(path, MAX_BYTES, remedy="a campaign is a TOML file: see docs/campaigns.md")
    return parse(text, str(path), path.resolve().parent)


def parse(text: str, where: str, folder: Path) -> Campaign:
    """The campaign of a text. `where`: file of the text, for messages. Raises BadInput."""
    table = toml_tables.load(text, where)
    if table.get("schema") != SCHEMA:
        problem = f"is {table['schema']!r}" if "schema" in table else "is missing"
        raise BadInput(f"{where}: schema", problem, f'schema = "{SCHEMA}"')
    raw = toml_tables.convert(table, _File, where, ": ")
    _check_name(raw.name, f"{where}: name")
    for key, words in (("title", raw.title), ("about", raw.about)):
        _check_line(words, f"{where}: {key}")
    cases = {
        name: toml_tables.convert(entry, Case, _entry(name, "cases", where))
        for name, entry in raw.cases.items()
    }
    platforms = {
        name: toml_tables.convert(entry, Platform, _entry(name, "platforms", where))
        for name, entry in raw.platforms.items()
    }
    for kind, entries in (("case", cases), ("platform", platforms)):
        if not entries:
            raise BadInput(where, f"has no {kind}", f"[{kind}s.NAME]: see docs/campaigns.md")
    for name, platform in platforms.items():
        _check_platform(platform, f"{where}: platforms.{name}")
    adapters = {}
    for name, case in cases.items():
        _check_case(case, platforms, f"{where}: cases.{name}")
        if case.adapter is not None:
            adapters[case.adapter] = find_adapter(case.adapter, folder).adapter
    campaign = Campaign(
        name=raw.name,
        title=raw.title,
        about=raw.about,
        folder=folder,
        repeats=raw.repeats,
        idle_s=raw.idle_s,
        min_window_s=raw.min_window_s,
        max_warm_up_s=raw.max_warm_up_s,
        boundary=raw.boundary,
        margin=raw.margin,
        scenarios=raw.scenarios,
        cases=cases,
        platforms=platforms,
        comparisons=tuple(
            toml_tables.convert(entry, Pair, f"{where}: comparisons[{number}]")
            for number, entry in enumerate(raw.comparisons, 1)
        ),
        published=tuple(
            toml_tables.convert(entry, Published, f"{where}: published[{number}]")
            for number, entry in enumerate(raw.published, 1)
        ),
        adapters=adapters,
    )
    for number, entry in enumerate(campaign.published, 1):
        _check_line(entry.name, f"{where}: published[{number}].name")
        _check_line(entry.source, f"{where}: published[{number}].source")
    compared_runs(campaign, where)
    return campaign


def _entry(name: str, table: str, where: str) -> str:
    """'FILE: cases.NAME', once the name is known to be one."""
    _check_name(name, f"{where}: {table}")
    return f"{where}: {table}.{name}"


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(where, f"{name!r} cannot be a name", _NAME_REMEDY)


def _check_line(words: str, where: str) -> None:
    """Titles stand in a line of a table or heading."""
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in words):
        raise BadInput(
            where,
            "holds a line break or another control character",
            'one line; in TOML a backslash at the end of a line of a """ text joins it to the next',
        )


# ---------------------------------------------------------------- cases


def _check_case(case: Case, platforms: dict[str, Platform], where: str) -> None:
    if (case.workload is None) == (not case.command):
        both = "has a workload and a command" if case.command else "has no work"
        raise BadInput(where, both, "exactly one of workload and command")
    for name in case.platforms or ():
        if name not in platforms:
            raise BadInput(
                f"{where}.platforms", f"no platform is called {name!r}", _known(name, platforms)
            )
    if case.platforms == ():
        raise BadInput(f"{where}.platforms", "is empty", "leave it out: the case runs on all")
    if case.workload is not None:
        _check_workload(case, case.workload, where)
        if case.adapter is not None:
            raise BadInput(f"{where}.adapter", "belongs to an application", "leave it out")
    elif case.size is not None or case.settings:
        key = "size" if case.size is not None else "settings"
        raise BadInput(f"{where}.{key}", "belongs to a workload", "words of the command say it")
    words = [*case.command, *case.settings, *map(str, case.settings.values()), case.size or ""]
    _check_words(words, where)


def _check_workload(case: Case, workload: str, where: str) -> None:
    known = registered("workloads")
    if workload not in known:
        raise BadInput(
            f"{where}.workload", f"{workload!r} is not installed", _known(workload, known)
        )
    sizes = load_plugin("workloads", workload).sizes
    if case.size is not None and "{nodes}" not in case.size and case.size not in sizes:
        raise BadInput(
            f"{where}.size", f"{case.size!r} is not a size of {workload}", ", ".join(sizes)
        )
    for key in case.settings:
        if "=" in key or not key:
            raise BadInput(f"{where}.settings", f"{key!r} is not the name of a setting")


def _known(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"have: {', '.join(names)}"


# ---------------------------------------------------------------- platforms


def _check_platform(platform: Platform, where: str) -> None:
    for key in _OPTIONS:
        value = getattr(platform, key)
        if value is not None:
            check_value(value, f"{where}.{key}")
    for option in platform.sbatch:
        check_option(option, f"{where}.sbatch")
    for line in platform.setup:
        if not _is_line(line) or line.lstrip().startswith("#SBATCH"):
            raise BadInput(f"{where}.setup", f"{line!r} is not a line of the shell")
    _check_words([*platform.container, *platform.launch, platform.energybench], where)
    _check_cap(platform, where)
    if not _DEVICE.fullmatch(platform.device):
        raise BadInput(
            f"{where}.device", f"{platform.device!r} is not a device", "cpu, cuda, cuda:N or node"
        )
    _check_sizes(platform, where)


def _check_cap(platform: Platform, where: str) -> None:
    _check_words([*platform.gpu_power_command, *platform.gpu_power_undo], where)
    command = f"{where}.gpu_power_command"
    if not any(WATTS in word for word in platform.gpu_power_command):
        raise BadInput(command, f"has no {WATTS}", f'["nvidia-smi", "--power-limit={WATTS}"]')
    if not platform.gpu_power_undo:
        raise BadInput(f"{where}.gpu_power_undo", "is empty", '["true"] if the site undoes the cap')
    for key, default in (("gpu_power_command", CAP), ("gpu_power_undo", UNDO_CAP)):
        if getattr(platform, key) != default and platform.gpu_power_w is None:
            raise BadInput(f"{where}.{key}", "stands without gpu_power_w", "gpu_power_w = 200")


def _check_sizes(platform: Platform, where: str) -> None:
    if platform.gpus_per_node < 0:
        raise BadInput(f"{where}.gpus_per_node", "is negative", "0 for a platform without GPUs")
    if platform.gpu_type is not None and not platform.gpus_per_node:
        raise BadInput(f"{where}.gpu_type", "stands without gpus_per_node", "gpus_per_node = 4")
    if platform.spread > 1 and platform.nodes != 1:
        raise BadInput(
            f"{where}.spread",
            "spreads single-node cases, and the platform has several nodes for one case",
            "nodes = 1, and another platform for cases on several nodes",
        )
    for key in ("nodes", "gpu_power_w", "gpu_clock_mhz", "cpu_clock_khz"):
        value = getattr(platform, key)
        if isinstance(value, tuple) and (not value or len(set(value)) < len(value)):
            raise BadInput(f"{where}.{key}", "is empty or holds a number twice", "[1, 2, 4]")


def _check_words(words: Iterable[str], where: str) -> None:
    """Words of a command line: the shell can be given any character but NUL."""
    for word in words:
        if "\0" in word:
            raise BadInput(where, f"{word!r} holds a NUL", "no program can be given it")


def _is_line(line: str) -> bool:
    return bool(line.strip()) and line.isprintable()
