"""The example project with its files for CI, and a shell that runs their commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.pytest_plugin.runs import PATIENCE_S, Finished, Pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/pytest-ci"
GITHUB, GITLAB = EXAMPLE / ".github/workflows/energy.yml", EXAMPLE / ".gitlab-ci.yml"
# Commands that need a network, or programs that are not of this project.
ELSEWHERE = re.compile(r"\bpip install\b|\bvenv\b|^bencher\b")


def load(path: Path) -> dict[str, Any]:
    """A file of YAML."""
    content: dict[str, Any] = msgspec.yaml.decode(path.read_bytes())
    return content


def github_steps(job: str) -> list[dict[str, Any]]:
    """The steps of a job that run commands."""
    steps = load(GITHUB)["jobs"][job]["steps"]
    return [step for step in steps if "run" in step]


def gitlab_job(job: str) -> dict[str, Any]:
    """A job with the keys of the job that it extends."""
    content = load(GITLAB)
    own = content[job]
    return {**content[own["extends"]], **own}


def blocks() -> Iterator[str]:
    """Every block of commands in both files."""
    for job in load(GITHUB)["jobs"]:
        yield from (step["run"] for step in github_steps(job))
    for name, job in load(GITLAB).items():
        if name != "stages":
            yield from (*job.get("before_script", ()), *job.get("script", ()))


def commands(text: str, program: str) -> Iterator[list[str]]:
    """The words of each command of a program: up to a redirection or an operator of the shell."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip().startswith(f"{program} "):
            words = shlex.split(line, comments=True)
            ends = (i for i, word in enumerate(words) if word in (">", ">>", "||", "&&", "|"))
            yield words[1 : next(ends, len(words))]


def shell(project: Pytest, block: str, environment: dict[str, str]) -> Finished:
    """A block of commands in bash as CI starts it, with `pytest` and `energybench` of this tree."""
    programs = project.folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("pytest", "energybench"):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {name} "$@"\n')
        path.chmod(0o755)
    surroundings = project.surroundings(**environment)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", block],
        cwd=project.folder,
        env={**surroundings, "PATH": f"{programs}:{surroundings['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    return Finished(done.returncode, done.stdout, project.folder)


def runnable(lines: Sequence[str]) -> list[str]:
    """Those lines that need neither a network nor other programs."""
    return [line for line in lines if not ELSEWHERE.search(line)]
