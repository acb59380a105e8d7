"""`energybench campaign plan|submit|status|collect FILE.toml`"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from energybench.cli import common, options
from energybench.errors import BadInput
from energybench.units import counted

if TYPE_CHECKING:
    from energybench.campaigns.campaign import Campaign
    from energybench.campaigns.campaign_folder import CampaignFolder
    from energybench.campaigns.collecting import Collected

app = typer.Typer(
    help="Measure cases on kinds of nodes, planned in one file.",
    no_args_is_help=True,
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The campaign, a .toml file.")]
Local = Annotated[
    bool, typer.Option("--local", help="On this machine, without Slurm, one case after another.")
]


@app.callback()
def _campaign() -> None:
    """Measure cases on kinds of nodes, planned in one file."""


@app.command("plan")
def plan(file: File, local: Local = False) -> None:
    """Print the script of every job; nothing is written or submitted."""
    from energybench.campaigns.planned_runs import planned_jobs
    from energybench.campaigns.script import script

    campaign, folder = _opened(file, local)
    jobs = planned_jobs(campaign)
    for job in jobs:
        print(f"# ---- {job.name}.sh")
        print(script(campaign, job, folder.store, local=local))
    runs = sum(len(job.runs) for job in jobs)
    common.say(
        f"{campaign.name}: {counted(runs, 'run')} in {counted(len(jobs), 'job')}; results go to "
        f"{folder.path}"
    )


@app.command("submit")
def submit(file: File, local: Local = False) -> None:
    """Submit the runs that are neither measured nor waiting nor running.

    Accounts are checked and Slurm tests every script first: if one of them is refused, nothing is
    submitted. With --local the runs are made here and now, and the exit code is the first that is
    not 0.
    """
    if local:
        _run_here(file)
    from energybench.campaigns.submitting import submit as submitted

    campaign, folder = _opened(file, local)
    jobs = submitted(campaign, folder, str(file), common.say)
    for job in jobs:
        common.say(f"job {job.id}: {job.name}, {counted(len(job.keys), 'run')}")
    if not jobs:
        common.say("nothing to submit: every run is measured, waiting or running")


def _run_here(file: Path) -> NoReturn:
    from energybench.measuring.signals import Signals

    with Signals(pass_on=True) as signals:  # before numpy, whose threads inherit the mask
        from energybench.campaigns.running_here import run_here

        campaign, folder = _opened(file, local=True)
        code = run_here(campaign, folder, signals, common.say)
    common.say(f"see: energybench campaign collect {shlex.quote(str(file))} --local")
    raise typer.Exit(code)


@app.command("status")
def status(file: File, local: Local = False, json: options.Json = False) -> None:
    """Show the state of every run, from the store and one question to Slurm."""
    from energybench.campaigns.progress import progress

    campaign, folder = _opened(file, local)
    result = progress(campaign, folder, local=local)
    if json:
        common.print_json(result)
        return
    width = max(len(run.run) for run in result.runs)
    rows = [
        f"{run.run:<{width}}  {run.state}"
        + (f"  job {run.job}" if run.job and run.state != "done" else "")
        + (f"  {run.note}" if run.note else "")
        for run in result.runs
    ]
    done = sum(run.state == "done" for run in result.runs)
    whole = f"{done} of {counted(len(result.runs), 'run')}"
    common.show([*rows, f"{whole} done; results in {result.folder}"])


@app.command("collect")
def collect(
    file: File,
    local: Local = False,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Render a report: see `energybench list reports`."),
    ] = None,
    out: options.ReportOut = None,
    json: options.Json = False,
) -> None:
    """Show tables, comparisons and projections of the runs that are measured.

    `--format html --out FILE` renders the report. `--json` prints one document of kind `campaign`.
    """
    from energybench.campaigns.collecting import collect as collected
    from energybench.cli.campaign_text import text

    campaign, folder = _opened(file, local)
    if json and form is not None:
        raise BadInput("--format", "does not go with --json", "one of the two")
    if out is not None and form is None:
        raise BadInput("--out", "needs a --format", "--format html --out report.html")
    collection = collected(campaign, folder, str(file), local=local)
    if json:
        common.print_json(collection.result)
    elif form is None:
        common.show(text(collection.result))
    else:
        _report(collection, form, out)


def _report(found: Collected, form: str, out: Path | None) -> None:
    from energybench.campaigns.report_document import report_document
    from energybench.cli.report_files import deliver
    from energybench.registry import load

    renderer = load("reports", form)
    deliver(renderer, renderer.render(report_document(found)), out)


def _opened(file: Path, local: bool) -> tuple[Campaign, CampaignFolder]:
    from energybench.campaigns.campaign_file import read
    from energybench.campaigns.campaign_folder import CampaignFolder

    campaign = read(file)
    if not os.access(campaign.folder, os.R_OK | os.X_OK):
        raise BadInput(str(campaign.folder), "cannot be read")
    return campaign, CampaignFolder.of(campaign, local)
