"""`energybench slurm check JOB`, `… statement --since T`, `… starts RUN` and `… doctor`"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, number_options, options

if TYPE_CHECKING:
    from energybench.cluster.accounts import Row

app = typer.Typer(help="Slurm's own energy figures beside ours.", no_args_is_help=True)

Account = Annotated[
    str | None, typer.Option("--account", help="Only jobs of this account (several: a,b).")
]


@app.callback()
def _slurm() -> None:
    """Slurm's own energy figures beside ours."""


@app.command("check")
def check(
    job: Annotated[str, typer.Argument(help="Number of the job: 120, 120_4 or 120+1.")],
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Explain the joules of every row of a job in Slurm's accounts.

    Beside each row stands our own energy of the same components, nodes and time, and the
    difference by cause (docs/slurm.md).
    """
    from energybench.cli.slurm_text import check_lines
    from energybench.cluster.checking import check as check_job
    from energybench.cluster.slurm_queries import job_rows, read_configuration
    from energybench.measuring.session import ranges

    config = read_configuration(of_accounts=True)
    result = check_job(job, job_rows(job), config, store, ranges())
    if json:
        common.print_json(result)
    else:
        common.show(check_lines(result))


@app.command("statement")
def statement(
    since: Annotated[
        str,
        typer.Option("--since", help="Start: a day or time (2026-11-23T10:15), or 7d or 12h ago."),
    ],
    until: Annotated[
        str | None, typer.Option("--until", help="End, as --since. Default: now.")
    ] = None,
    account: Account = None,
    user: Annotated[
        str | None,
        typer.Option("--user", help="Jobs of this user; all: of all whom you may see."),
    ] = None,
    patience: Annotated[
        float,
        number_options.number(
            "--patience", low=1.0, high=3600.0, help="Seconds to wait for an answer of sacct."
        ),
    ] = 120.0,
    csv: Annotated[bool, typer.Option("--csv", help="Print a line for each job as CSV.")] = False,
    json: options.Json = False,
) -> None:
    """List jobs with Slurm's joules, and which can be added up.

    The sum is taken only over jobs that had their nodes for themselves and were measured once.
    """
    from energybench.cli.slurm_text import statement_csv, statement_lines
    from energybench.cluster import statement as stating
    from energybench.cluster.slurm_queries import node_cpus, read_configuration, rows_between
    from energybench.cluster.spans import span
    from energybench.cluster.statement_questions import gather
    from energybench.errors import BadInput

    if csv and json:
        raise BadInput("--csv and --json", "are two formats", "name one of them")
    config = read_configuration(of_accounts=True)
    since_s, until_s = span(since, until)
    choice = [f"--accounts={account}"] if account else []
    if user:
        choice.append("--allusers" if user == "all" else f"--user={user}")

    def ask(begin_s: int, end_s: int) -> list[Row]:
        return rows_between(begin_s, end_s, choice, patience)

    rows, questions = gather(since_s, until_s, ask)
    jobs = stating.lines(rows, node_cpus(), config.plug_ins, since_s, until_s)
    result = stating.Statement(
        cluster=config.cluster,
        version=config.version.text if config.version is not None else None,
        plug_ins=config.plug_ins,
        components=config.components,
        since_utc=stating.utc(since_s) or "",
        until_utc=stating.utc(until_s) or "",
        settling=time.time() - until_s < stating.SETTLED_S,
        account=account,
        user=user,
        questions=questions,
        jobs=tuple(jobs),
        sums=stating.sums(jobs),
    )
    if json:
        common.print_json(result)
    elif csv:
        common.print_bytes(statement_csv(result))
    else:
        common.show(statement_lines(result))


@app.command("starts")
def starts(
    run: Annotated[str, typer.Argument(help="A result of the job: directory, run.json or id.")],
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Add up the energies of all starts of a job that Slurm has started again.

    The results of the starts are looked up in the store by cluster, number of the job and label.
    """
    from energybench.cli.slurm_text import starts_lines
    from energybench.cluster.starts import of_result
    from energybench.store.reader import measurement

    directory, named = measurement(run, store)
    result = of_result(named, directory)
    if json:
        common.print_json(result)
    else:
        common.show(starts_lines(result))


@app.command("doctor")
def doctor(
    partition: Annotated[
        list[str] | None,
        typer.Option("--partition", help="Only this partition (may be repeated)."),
    ] = None,
    account: Annotated[str | None, typer.Option("--account", help="Account of the jobs.")] = None,
    wait: Annotated[
        int,
        number_options.whole(
            "--wait", low=1, high=86400, help="Seconds for which a job may wait for its start."
        ),
    ] = 60,
    json: options.Json = False,
) -> None:
    """Run a short job in each partition: which sensors work there?

    Also what Slurm counts with, and the known faults of its version. Exit code 1 if no job gave an
    answer.
    """
    from energybench.cli.slurm_text import doctor_lines
    from energybench.cluster import partition_doctor
    from energybench.cluster.checking import counted_with
    from energybench.cluster.slurm_queries import read_configuration

    config = read_configuration()
    chosen = partition_doctor.asked_for(partition_doctor.partition_list(), partition or ())
    findings = []
    for each in chosen:
        common.steps(f"a job in partition {each.name}", None)
        findings.append(partition_doctor.examine(each, account, wait))
    counted = counted_with(config)
    if json:
        common.print_json(
            {
                "schema": "energybench/1",
                "kind": "slurm-doctor",
                "counted_with": counted,
                "constrains_devices": config.constrains_devices,
                "task_plug_ins": config.task_plug_ins,
                "partitions": findings,
            }
        )
    else:
        common.show(doctor_lines(counted, config, findings))
    raise typer.Exit(0 if any(finding.facts is not None for finding in findings) else 1)


@app.command("node-facts", hidden=True)
def node_facts() -> None:
    """Print what a job finds on its node: for `energybench slurm doctor`."""
    from energybench.cli.doctor import examine
    from energybench.cluster.partition_doctor import node_facts as facts
    from energybench.store.run import encode

    common.print_bytes(encode(facts(examine, os.environ)) + b"\n")
