"""Questions to Slurm's controller and accounts, each with a time-out and a clear line without an
answer.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from energybench.cluster.accounts import FIELDS, TIME_FORMAT, Row, rows
from energybench.cluster.slurm_configuration import Configuration, configuration
from energybench.cluster.slurm_programs import NoAnswer, output
from energybench.errors import BadInput

ACCOUNTS_PATIENCE_S = 60.0
# sacct takes times of the zone TZ; in UTC no hour comes twice
_FORMAT = {**TIME_FORMAT, "TZ": "UTC"}
_JOB = re.compile(r"\d{1,10}(?:_\d{1,10}|\+\d{1,6})?")


def read_configuration(*, of_accounts: bool = False) -> Configuration:
    """Raises BadInput if Slurm is missing here, or its controller does not answer.

    of_accounts  also raise BadInput if the cluster keeps no accounts
    """
    try:
        config = configuration(output(["scontrol", "show", "config"]))
    except NoAnswer as why:
        raise BadInput(
            "scontrol show config",
            f"Slurm's controller gives no answer: {why}",
            "try again on a login node of the cluster: scontrol ping",
        ) from None
    if of_accounts and not config.keeps_accounts:
        remedy = "its administrator may set AccountingStorageType"
        raise BadInput("sacct", "this cluster keeps no accounts", remedy)
    return config


def is_job_number(text: str) -> bool:
    """Whether a text is the number of a job, of a task of an array or of a component."""
    return _JOB.fullmatch(text) is not None


def job_rows(job: str) -> list[Row]:
    """All rows of a job: its starts, tasks, components and steps.

    Raises BadInput for a text that is not a job, for a job unknown to the accounts, and for silent
    accounts.
    """
    if not is_job_number(job):
        raise BadInput(job, "is not the number of a job", "120, 120_4 (task) or 120+1 (component)")
    own_rows = _asked(["--duplicates", f"--jobs={job}"], ACCOUNTS_PATIENCE_S)
    if not own_rows:
        raise BadInput(
            f"job {job}",
            "is not in Slurm's accounts, or not yours to see",
            "sacct --allusers -j NUMBER; sites remove old jobs from the accounts",
        )
    return own_rows


def rows_between(
    since_s: int, until_s: int, options: Sequence[str], patience_s: float
) -> list[Row]:
    """The rows of all jobs of a time, with their steps, in a single question. Raises NoAnswer."""
    times = [f"--starttime={_utc(since_s)}", f"--endtime={_utc(until_s)}"]
    return _asked(["--duplicates", *times, *options], patience_s, tell_no_answer=True)


def node_cpus() -> dict[str, int]:
    """CPUs available to jobs, by node, without the CPUs that the site keeps for the system.

    Empty if the controller gives no answer: nothing is then known of sharing.
    """
    try:
        text = output(["scontrol", "show", "node", "--oneliner"])
    except NoAnswer:
        return {}
    return cpus_by_node(text)


def cpus_by_node(text: str) -> dict[str, int]:
    """Of `scontrol show node -o`; older versions state no effective CPUs."""
    cpus: dict[str, int] = {}
    for line in text.splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        count = words.get("CPUEfctv") or words.get("CPUTot", "")
        if "NodeName" in words and count.isdigit():
            cpus[words["NodeName"]] = int(count)
    return cpus


def _asked(options: Sequence[str], patience_s: float, *, tell_no_answer: bool = False) -> list[Row]:
    # a random delimiter: a job's name with a newline cannot pretend to be a row
    delimiter = f"|{secrets.token_hex(8)}|"
    form = [f"--format={','.join(FIELDS)}", f"--delimiter={delimiter}"]
    command = ["sacct", "--parsable2", *form, *options]
    try:
        text = output(command, options=_FORMAT, patience_s=patience_s)
    except NoAnswer as why:
        if tell_no_answer:
            raise
        raise BadInput(
            "sacct", f"Slurm's accounts give no answer: {why}", "sacctmgr ping; try again later"
        ) from None
    return rows(text, delimiter)


def _utc(seconds: int) -> str:
    """A time in sacct's form, in the zone UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
