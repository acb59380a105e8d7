"""Running Slurm's programs: only this module does. Every call has a time-out, because the programs
wait minutes for a silent controller.
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


class Silent(NoAnswer):
    """A program of Slurm did not answer in time."""


def path_of(program: str) -> str:
    """Where the program is. Raises BadInput."""
    path = shutil.which(program)
    if path is None:
        raise BadInput(program, "is not installed here", "run this on a node of the cluster")
    return path


def output(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
    text: str | None = None,
    folder: Path | None = None,
) -> str:
    """Output of a program of Slurm. Raises BadInput if the program is not installed, and NoAnswer.

    environment  None: the environment of this process. Variables that are options of Slurm's
                 programs are left out, because they would change the answer
    options      option variables for the program
    folder       the program's working directory; None: the directory of this process
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
        raise Silent(f"{words[0]} did not answer within {patience_s:.0f} s") from None
    except OSError as error:
        raise NoAnswer(f"{words[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        # the first of the last two lines often names the object that the last line refuses
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()][-2:]
        messages = "; ".join(_without_name(line, words[0]) for line in lines)
        raise NoAnswer(f"{words[0]}: {messages or f'exit code {done.returncode}'}")
    return done.stdout


def _without_name(line: str, program: str) -> str:
    """ "invalid partition" for "sbatch: error: invalid partition"."""
    return line.removeprefix(f"{program}: ").removeprefix("error: ")


def host_names(short: str) -> tuple[str, ...]:
    """The names in Slurm's short form "cpu[1-2],gpu7". The controller is not asked.

    Raises BadInput and NoAnswer.
    """
    return tuple(output(["scontrol", "show", "hostnames", short]).split())
