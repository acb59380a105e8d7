"""The account, QOS, partition and reservation of a job: checked before the submission, and read
back after it.

A site that does not enforce accounts (AccountingStorageEnforce of slurm.conf(5)) accepts a job with
an unknown account, and charges the default account of the user.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.campaigns.campaign import Platform
from energybench.cluster.slurm_configuration import Configuration
from energybench.cluster.slurm_programs import NoAnswer, output
from energybench.cluster.slurm_queries import read_configuration
from energybench.errors import BadInput

# Variables that some sites require of their users. The variables shape no result, and stand for a
# key that the platform leaves out. Any other variable SBATCH_* is an option that no campaign
# states.
_VARIABLES = {
    "account": "SBATCH_ACCOUNT",
    "qos": "SBATCH_QOS",
    "reservation": "SBATCH_RESERVATION",
}
# Fields of `scontrol show job` (print_fields of Slurm's src/api/job_info.c)
_FIELDS = {
    "account": "Account",
    "qos": "QOS",
    "partition": "Partition",
    "reservation": "Reservation",
}
_OF_ACCOUNTS = ("account", "qos")
# A job_submit plug-in of the site may rename these, such as "regular" to "gpu_regular".
_RENAMED = ("qos", "partition")


class Request(NamedTuple):
    """A value requested for a job. place: "platforms.cpu.account", or "platforms.cpu:
    SBATCH_ACCOUNT" if a variable of the user's shell states the value
    """

    value: str
    place: str


class Site(NamedTuple):
    """The cluster as far as it concerns the check.

    keeps_accounts  None if the controller did not answer
    renames         whether a job_submit plug-in may rename QOS and partition
    """

    keeps_accounts: bool | None
    renames: bool


def requests(name: str, platform: Platform) -> dict[str, Request]:
    """The requests of a platform by key, with those of the user's shell for absent keys."""
    wanted = {}
    for key in _FIELDS:
        value = getattr(platform, key)
        place = f"platforms.{name}.{key}"
        variable = _VARIABLES.get(key)
        if value is None and variable is not None:
            value, place = os.environ.get(variable), f"platforms.{name}: {variable}"
        if value:
            wanted[key] = Request(value, place)
    return wanted


def variables(platform: Platform) -> dict[str, str]:
    """The variables of the user's shell for absent keys: sbatch prefers variables to the directives
    of a script.
    """
    return {
        variable: os.environ[variable]
        for key, variable in _VARIABLES.items()
        if variable in os.environ and getattr(platform, key) is None
    }


# ---------------------------------------------------------------- before the submission


def check_accounts(wanted: Sequence[Mapping[str, Request]], where: str) -> tuple[Site, list[str]]:
    """Refuse accounts that this user does not have, and unknown QOS. Returns the site, and notes
    for the user, such as the reason why accounts were not checked.

    wanted  the requests of each platform
    where   the campaign file

    Raises BadInput.
    """
    if not any(wanted):
        return Site(keeps_accounts=None, renames=False), []
    charged = [(key, each[key]) for each in wanted for key in _OF_ACCOUNTS if key in each]
    try:
        config = read_configuration()
    except BadInput as why:
        notes = [f"accounts were not checked: {why}"] if charged else []
        return Site(keeps_accounts=None, renames=False), notes
    site = Site(config.keeps_accounts, renames=bool(config.submit_plug_ins))
    if not charged:
        return site, []
    if not config.keeps_accounts:
        return site, ["accounts were not checked: this cluster keeps no accounts"]
    user = pwd.getpwuid(os.getuid()).pw_name
    try:
        existing = _existing(user, config, {key for key, _ in charged})
    except (NoAnswer, BadInput) as why:
        return site, [f"accounts were not checked: {why}"]
    notes = []
    for key, request in charged:
        names = existing[key]
        if not names:
            # Slurm charges such a user to any name, and enforcing sites refuse the script
            whose = f" of user {user}" if key == "account" else ""
            notes.append(f"accounts were not checked: sacctmgr lists no {key}{whose}")
            continue
        unknown = _unknown(request.value, names)
        if not unknown:
            continue
        known = f"have: {', '.join(names)}"
        if key == "qos" and site.renames:
            notes.append(f"{request.place}: {unknown!r} is not a QOS in the accounts ({known})")
            continue
        kind = f"an account of user {user}" if key == "account" else "a QOS"
        problem = f"{unknown!r} is not {kind} on this cluster"
        raise BadInput(f"{where}: {request.place}", problem, known)
    return site, list(dict.fromkeys(notes))


def _existing(user: str, config: Configuration, keys: set[str]) -> dict[str, list[str]]:
    """The accounts of a user, and the QOS of the site. Raises NoAnswer and BadInput."""
    questions = {
        "account": ["assoc", f"user={user}", f"cluster={config.cluster}", "format=Account"],
        "qos": ["qos", "format=Name"],
    }
    return {
        key: _lines(["sacctmgr", "--noheader", "--parsable2", "show", *questions[key]])
        for key in questions
        if key in keys
    }


def _lines(words: Sequence[str]) -> list[str]:
    names = (line.strip() for line in output(words).splitlines())
    return list(dict.fromkeys(name for name in names if name))


def _unknown(value: str, names: Sequence[str]) -> str | None:
    """The first name of a list "a,b" that is not among the names; Slurm ignores case there."""
    known = {name.casefold() for name in names}
    return next((name for name in value.split(",") if name.casefold() not in known), None)


# ---------------------------------------------------------------- after the submission


def read_back(number: str, wanted: Mapping[str, Request], site: Site, where: str) -> list[str]:
    """Compare a submitted job with its requests. A job with another account, QOS, partition or
    reservation is cancelled. Returns notes for the user.

    Raises BadInput after a cancellation.
    """
    compared = {
        key: request
        for key, request in wanted.items()
        if key not in _OF_ACCOUNTS or site.keeps_accounts is not False
    }
    if not compared:
        return []
    try:
        shown = output(["scontrol", "show", "job", number])
    except NoAnswer as why:
        return [f"job {number}: its account and partition were not read back: {why}"]
    notes = []
    for key, request in compared.items():
        field = _FIELDS[key]
        match = re.search(rf"(?:^|\s){field}=(\S*)", shown)
        actual = match[1] if match else ""
        # of a list, such as two partitions, Slurm takes one
        if actual and not _unknown(actual, request.value.split(",")):
            continue
        other = repr(actual) if actual not in ("", "(null)", "N/A") else f"no {key}"
        words = f"job {number} has {other} in place of {request.value!r}"
        if site.renames and key in _RENAMED:
            notes.append(f"{request.place}: {words}: a plug-in of the site may rename it")
            continue
        raise BadInput(
            f"{where}: {request.place}",
            f"{words}, and {_cancelled(number)}",
            "correct the key, and submit again",
        )
    return notes


def _cancelled(number: str) -> str:
    try:
        output(["scancel", number])
    except NoAnswer as why:
        return f"could not be cancelled: {why}"
    return "was cancelled"
