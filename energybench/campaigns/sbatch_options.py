"""Further options of sbatch in a campaign file: options with a key of their own are refused, and
options with which sbatch would not leave the submission to the campaign.
"""

from __future__ import annotations

import re

from energybench.errors import BadInput

# Characters of the values of options: no space, quote, backslash, $, backtick, #, ; or control
# character
_VALUE = re.compile(r"[A-Za-z0-9_.,:&|*()\[\]=@%/+~!-]{1,200}")
_VALUE_REMEDY = "letters, digits and _ . , : & | * ( ) [ ] = @ % / + ~ ! -"

# Options of sbatch (sbatch(1), "OPTIONS") that a key of the platform states: long names and letters
_KEYS = {
    "partition": ("--partition", "-p"),
    "constraint": ("--constraint", "-C"),
    "account": ("--account", "-A"),
    "qos": ("--qos", "-q"),
    "reservation": ("--reservation",),
    "gpus_per_node": (
        *("--gpus-per-node", "--gpus", "-G", "--gpus-per-task", "--gpus-per-socket"),
        "--gres=gpu",
    ),
    "tasks_per_node": ("--ntasks-per-node", "--tasks-per-node", "--ntasks", "-n"),
    "cpus_per_task": ("--cpus-per-task", "-c"),
    "exclusive": ("--exclusive", "--oversubscribe", "--share", "-s"),
    "nodes": ("--nodes", "-N"),
    "minutes": ("--time", "-t"),
    "gpu_clock_mhz": ("--gpu-freq",),
    "cpu_clock_khz": ("--cpu-freq",),
}
# Options that a campaign states itself, and options with which sbatch submits nothing, waits for
# the job's end, or submits to a cluster that `status` does not ask
_OF_THE_CAMPAIGN = (
    *("--job-name", "-J", "--output", "-o", "--error", "-e", "--chdir", "-D"),
    *("--array", "-a", "--wrap", "--parsable", "--test-only", "--help", "-h", "--usage"),
    *("--version", "-V", "--wait", "-W", "--clusters", "-M"),
)


def check_value(value: str, where: str) -> None:
    """Refuse a value with characters that sbatch or the shell interprets. Raises BadInput."""
    if not _VALUE.fullmatch(value):
        raise BadInput(where, f"{value!r} cannot be handed to sbatch", _VALUE_REMEDY)


def check_option(option: str, where: str) -> None:
    """Refuse a further option of sbatch that stands against a key or the campaign. Raises
    BadInput.

    where  the key of the option: "FILE: platforms.NAME.sbatch"
    """
    for key, options in _KEYS.items():
        if any(_is_given(option, name) for name in options):
            raise BadInput(
                where,
                f"{option!r} would stand against the key {key}",
                f"state {key} on the platform instead",
            )
    check_value(option, where)
    of_the_campaign = any(_is_given(option, name) for name in _OF_THE_CAMPAIGN)
    if not option.startswith("--") or of_the_campaign:
        raise BadInput(
            where,
            f"{option!r} cannot stand here",
            'a long option that leaves the submission to the campaign, as "--switches=1"',
        )


def _is_given(option: str, name: str) -> bool:
    """Whether sbatch would read an option by this name. sbatch also takes the beginning of a long
    name, and a letter with its value in one word or two. "--gres=gpu": only with boards in the
    list of resources.
    """
    stated, _, value = option.strip().partition("=")
    stated = stated.split()[0] if stated.split() else ""
    long, _, resource = name.partition("=")
    if not name.startswith("--"):
        return not option.startswith("--") and option.strip().startswith(name)
    if len(stated) < 3 or not long.startswith(stated):
        return False
    if not resource:
        return True
    # "--gres gpu:2" has its value behind a space
    listed = value or option.strip().removeprefix(stated).strip()
    return any(item.partition(":")[0] == resource for item in listed.split(","))
