"""Running Slurm's programs: the only place that does. Every call has a time-out, because a
controller that does not answer makes them wait for minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from energybench.cluster.slurm_environment import without_options
from energybench.errors import BadInput

PATIENCE_S = 20.0


class NoAnswer(Exception):
    """A program of Slurm failed or did not answer; the message is a single line."""


def path_of(program: str) -> str:
    """Where the program is. Raises BadInput."""
    found = shutil.which(program)
    if found is None:
        raise BadInput(program, "is not installed here", "run this on a node of the cluster")
    return found


def output(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
    text: str | None = None,
    folder: Path | None = None,
) -> str:
    """What a program of Slurm prints. Raises BadInput if it is not installed, and NoAnswer.

    environment  None: that of this process. Variables that are options of Slurm's programs are left
                 out: they would change the answer
    options      variables of this kind that the program gets
    folder       the program's working directory; None: that of this process
    """
    variables = without_options(os.environ if environment is None else environment)
    try:
        done = subprocess.run(
            [path_of(words[0]), *words[1:]],
            env={**variables, **(options or {})},
            cwd=folder,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{words[0]} did not answer within {patience_s:.0f} s") from None
    except OSError as error:
        raise NoAnswer(f"{words[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        # the first of the last two lines often names what the last line refuses
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()][-2:]
        said = "; ".join(_without_name(line, words[0]) for line in lines)
        raise NoAnswer(f"{words[0]}: {said or f'exit code {done.returncode}'}")
    return done.stdout


def _without_name(line: str, program: str) -> str:
    """ "invalid partition" for "sbatch: error: invalid partition"."""
    return line.removeprefix(f"{program}: ").removeprefix("error: ")


def host_names(short: str) -> tuple[str, ...]:
    """The names in Slurm's short form "cpu[1-2],gpu7". The controller is not asked.

    Raises BadInput and NoAnswer.
    """
    return tuple(output(["scontrol", "show", "hostnames", short]).split())
