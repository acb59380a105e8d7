"""The cases: a damaged input of one kind, and the command that reads it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import mutations

Kinds = dict[str, list[Path]]
Case = Callable[[Kinds, Path, random.Random], list[str]]
_FORMATS = ("terminal", "terminal", "markdown", "json", "html")


def arguments(kinds: Kinds, folder: Path, random_: random.Random) -> tuple[str, list[str]]:
    """Name and command line of a case, whose damaged input lies in `folder`."""
    case = random_.choice(_CASES)
    return case.__name__, case(kinds, folder, random_)


def run_json(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    run = _copy(random_.choice(kinds["run"]), folder / "run")
    _damage_json(run / "run.json", random_)
    other = str(random_.choice(kinds["run"]))
    commands = (
        ["compare", str(run), other],
        ["compare", other, str(run), "--force"],
        ["compare", other, str(run), "--force", "--json"],
        ["grade", str(run)],
        ["report", str(run), "--format", random_.choice(_FORMATS)],
        ["measure", "--replay", str(run), "--out", str(folder / "out")],
        ["attach", str(run), "--meter", str(random_.choice(kinds["meter"])), *_METER],
        ["calibrate", "--against", str(run), "--out", str(folder / "profiles")],
    )
    return random_.choice(commands)


def run_samples(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    run = _copy(random_.choice(kinds["run"]), folder / "run")
    mutations.samples(run / "samples.parquet", random_)
    commands = (
        ["measure", "--replay", str(run), "--out", str(folder / "out")],
        ["measure", "--replay", str(run), "--out", str(folder / "out"), "--json"],
        ["attach", str(run), "--meter", str(random_.choice(kinds["meter"])), *_METER],
        ["calibrate", "--against", str(run), "--out", str(folder / "profiles")],
        ["report", str(run), "--format", "html"],
    )
    return random_.choice(commands)


def partial(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    run = _copy(kinds["partial"][0], folder / kinds["partial"][0].name)
    name = random_.choice(("header.json", "windows.jsonl", "windows.jsonl", "samples.arrows"))
    path = run / name
    if name == "header.json":
        _damage_json(path, random_)
    elif name == "windows.jsonl":
        path.write_bytes(_encoded(mutations.text(path.read_text("utf-8"), random_)))
    else:
        mutations.samples(path, random_)
    return ["recover", str(run), *random_.choice(([], ["--json"]))]


def comparison(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    path = Path(shutil.copy(kinds["comparison"][0], folder / "comparison.json"))
    _damage_json(path, random_)
    scenario = str(random_.choice(kinds["scenario"]))
    commands = (
        ["project", "--scenario", scenario, str(path)],
        ["project", "--scenario", scenario, str(path), "--json"],
        ["report", str(path), "--format", random_.choice(_FORMATS)],
    )
    return random_.choice(commands)


def study(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    directory = _copy(kinds["study"][0], folder / "study")
    _damage_json(directory / "study.json", random_)
    return ["report", str(directory), "--format", random_.choice(_FORMATS)]


def scenario(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    path = folder / "scenario.toml"
    _damage_text(random_.choice(kinds["scenario"]), path, random_)
    compared = [str(kinds["comparison"][0])] * random_.choice((0, 1, 1))
    return ["project", "--scenario", str(path), *compared, *random_.choice(([], ["--json"]))]


def replay(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    path = folder / "replay.toml"
    _damage_text(random_.choice(kinds["replay"]), path, random_)
    more = random_.choice(([], ["--json"], ["--label", random_.choice(mutations.NASTY)]))
    return ["measure", "--replay", str(path), "--out", str(folder / "out"), *_safe(more)]


def meter(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    run = _copy(random_.choice(kinds["run"]), folder / "run")
    source = random_.choice(kinds["meter"])
    path = folder / source.name
    _damage_text(source, path, random_)
    more: list[str] = random_.choice(
        ([], [], ["--dc"], ["--averaging", random_.choice(mutations.NASTY)], ["--unit", "mW"],
         ["--timezone", "Asia/Tokyo"], ["--max-offset", "0"], ["--per-interval"],
         ["--column", "power_W"])
    )  # fmt: skip
    return ["attach", str(run), "--meter", str(path), *_METER, *_safe(more)]


def profile(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    path = Path(shutil.copy(kinds["profile"][0], folder / kinds["profile"][0].name))
    _damage_json(path, random_)
    if random_.random() < 0.5:
        return ["calibrate", "--check", "--out", str(folder)]
    return ["calibrate", "--check", "--profile", str(path)]


def command_line(kinds: Kinds, folder: Path, random_: random.Random) -> list[str]:
    """Arguments exchanged for nasty ones, or nasty ones added."""
    run = str(random_.choice(kinds["run"]))
    lines: tuple[list[str], ...] = (
        ["compare", run, run, "--margin", "0.05"],
        ["grade", run, "--machine-nodes", "4"],
        ["report", run, "--format", "terminal", "--title", "t", "--note", "n"],
        ["report", run, "--format", "json", "--out", str(folder / "r.json")],
        ["list", "workloads"],
        ["explain", "one-node"],
        ["recover", str(folder)],
        ["project", "--scenario", "example-centre", str(kinds["comparison"][0])],
        ["attach", run, "--meter", str(kinds["meter"][0]), *_METER, "--averaging", "1"],
        ["calibrate", "--check", "--out", str(folder)],
        ["calibrate", "--drive", "cpu", "--seconds", "9", "--root", "x"],
        ["simulate", "--experiments", "1", "--sensor", "x", "--wave", "y", "--window", "z"],
        ["run", "nosuch", "--device", "cuda:1", "--repeats", "3", "--set", "a=b"],
        ["run", "milc", "--device", "cuda:x", "--repeats", "-3", "--set", "a=b", "--size", "q"],
        ["run", "milc", "--size", "nosuch", "--variant", "a=b,c=d", "--label", "l"],
        ["study", "sdpa", "nosuch", "--repeats", "0", "--resume", str(folder / "s")],
        ["measure", "--repeats", "0", "--label", "l", "--", "true"],
        ["measure", "--out", str(folder / "out"), "--", "/no/such/program"],
        ["measure", "--boundary", "x", "--idle", "-1", "--", "true"],
        ["doctor", "--root", "x", "--boundary", "y"],
    )
    words = list(random_.choice(lines))
    for _ in range(random_.choice((1, 1, 2))):
        i = random_.randrange(1, len(words))
        nasty = random_.choice(mutations.NASTY).replace("\x00", "\x01")
        if words[i] in ("true", "--"):
            continue
        if random_.random() < 0.7:
            words[i] = nasty
        else:
            words.insert(i, random_.choice((nasty, f"--{nasty}", f"--json={nasty}", "--help")))
    return words


_METER = ["--scope", "node", "--accuracy", "1%"]
_CASES: tuple[Case, ...] = (
    run_json,
    run_json,
    run_samples,
    partial,
    comparison,
    study,
    scenario,
    replay,
    meter,
    profile,
    command_line,
    command_line,
)


def _safe(words: list[str]) -> list[str]:
    """Arguments as an operating system passes them: without NUL."""
    return [word.replace("\x00", "\x01") for word in words]


def _copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def _encoded(content: str) -> bytes:
    return content.encode("utf-8", "surrogatepass")


def _damage_json(path: Path, random_: random.Random) -> None:
    """Damage a JSON document by its values, or by its text."""
    content = path.read_text("utf-8")
    if random_.random() < 0.6:
        value = mutations.document(json.loads(content), random_)
        path.write_bytes(_encoded(json.dumps(value, ensure_ascii=random_.random() < 0.5)))
    else:
        path.write_bytes(_encoded(mutations.text(content, random_)))


def _damage_text(source: Path, target: Path, random_: random.Random) -> None:
    if random_.random() < 0.85:
        target.write_bytes(_encoded(mutations.text(source.read_text("utf-8"), random_)))
    else:
        target.write_bytes(mutations.raw(source.read_bytes(), random_))
