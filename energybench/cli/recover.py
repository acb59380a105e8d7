"""`energybench recover RUN`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput, NothingToRecover

if TYPE_CHECKING:
    from energybench.model import Measurement
    from energybench.store.liveness import JobState

_REMOVED = "nothing was measured in this directory; removed"


def recover(
    run: Annotated[
        str,
        typer.Argument(
            help="An unfinished run or job (.partial-…), the store that holds one, or "
            "a job with unfinished parts of nodes."
        ),
    ],
    json: options.Json = False,
) -> None:
    """Complete a killed run from its samples, or all of a store.

    A run of a store that cannot be completed, such as one that is still measured, is named in one
    line, the others are completed, and the exit code is 2. A directory in which nothing was
    measured, as full storage leaves it, is removed. A store without an unfinished run is no
    mistake: one line, and exit code 0. With --json and several runs: a list.
    """
    from energybench.cluster.job_states import JobStates
    from energybench.store import empty_directories, job_files, reader

    path, job_state = Path(run), JobStates()
    try:
        unfinished = [path] if job_files.unfinished_parts(path) else reader.unfinished(path)
    except NothingToRecover as nothing:
        if empty_directories.remove_if_empty(path, job_state):
            common.say(f"energybench: {path}: {_REMOVED}")
        else:
            common.say(f"energybench: {nothing}")
        return
    results: list[Measurement] = []
    refusals: list[BadInput] = []
    for directory in unfinished:
        try:
            if empty_directories.remove_if_empty(directory, job_state):
                common.say(f"energybench: {directory}: {_REMOVED}")
                continue
            written, result = _completed(directory, job_state)
        except BadInput as refusal:
            if len(unfinished) == 1:
                raise
            common.say(f"energybench: {refusal}")
            refusals.append(refusal)
            continue
        results.append(result)
        if not json:
            _show(result)
        common.say(f"  written to {written}")
    if json:
        common.print_json(results[0] if len(unfinished) == len(results) == 1 else results)
    if refusals:
        raise typer.Exit(2)


def _completed(unfinished: Path, job_state: JobState) -> tuple[Path, Measurement]:
    """The directory and the result of an unfinished run or job. Raises BadInput."""
    from energybench.measuring.session import ranges
    from energybench.store import job_files, job_header, reader

    if job_files.unfinished_parts(unfinished):
        return unfinished, job_files.recover_parts(unfinished, ranges(), job_state)
    if job_header.is_job(unfinished):
        return job_files.recover_job(unfinished, ranges(), job_state)
    return reader.recover(str(unfinished), ranges(), job_state=job_state)


def _show(result: Measurement) -> None:
    from energybench.cli import doubt_lines, summary

    print("\n".join([summary.measurement(result), *doubt_lines.explained(result.doubts)]))
