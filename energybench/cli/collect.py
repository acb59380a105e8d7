"""`energybench collect JOB`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput


def collect(
    job: Annotated[
        str, typer.Argument(help="A finished job's directory, or a part of its id in the store.")
    ],
    from_samples: Annotated[
        bool,
        typer.Option(
            "--from-samples",
            help="Analyse each node again from its samples; default: the results of the nodes.",
        ),
    ] = False,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Merge the parts of a job's nodes again.

    For a job to which a part was brought, or from which one was taken away. Writes the job's
    run.json anew; the parts of the nodes never change.
    """
    from energybench.cli import doubt_lines, summary
    from energybench.cluster.job_states import JobStates
    from energybench.measuring.session import ranges
    from energybench.store import job_files, job_merging, job_record
    from energybench.store.layout import RUN, find

    directory = Path(job)
    if not job or not job_record.holds_parts(directory):
        directory = find(job, store)
    if not job_record.holds_parts(directory):
        raise BadInput(
            str(directory),
            "is a run on one node: it has no parts to merge",
            "name the directory of a job (measure --nodes job)",
        )
    job_files.refuse_living_job(directory, JobStates())
    result = job_merging.collect(directory, ranges() if from_samples else None)
    if json:
        common.print_json(result)
    else:
        print("\n".join([summary.measurement(result), *doubt_lines.explained(result.doubts)]))
    common.say(f"  written to {directory / RUN}")
