"""The Slurm job of a process, from its variables: numbers and nodes of all components together.

Source: sbatch(1), "Output environment variables".
"""

from __future__ import annotations

from collections.abc import Mapping

from energybench.node_names import expanded


def nodes_of_job(environment: Mapping[str, str]) -> int | None:
    """Nodes of the whole Slurm job, all components together, even inside a smaller step; None: no
    Slurm job, or unknown.
    """
    groups = components(environment)
    suffixes = [""] if groups == 1 else [f"_HET_GROUP_{group}" for group in range(groups)]
    counts = [_nodes_of_component(environment, suffix) for suffix in suffixes]
    return sum(count for count in counts if count is not None) if None not in counts else None


def _nodes_of_component(environment: Mapping[str, str], suffix: str) -> int | None:
    """By the number that Slurm states, or else by the names: a script may have removed one of them.

    SLURM_NNODES and SLURM_NODELIST, the earlier names, are those of the step inside one.
    """
    earlier = not suffix and "SLURM_STEP_ID" not in environment
    numbers = [f"SLURM_JOB_NUM_NODES{suffix}", *(["SLURM_NNODES"] if earlier else [])]
    lists = [f"SLURM_JOB_NODELIST{suffix}", *(["SLURM_NODELIST"] if earlier else [])]
    counts = [whole_number(environment.get(name, "")) for name in numbers]
    counts += [len(expanded(environment.get(name, ""))) for name in lists]
    return next((count for count in counts if count), None)


def node_lists(environment: Mapping[str, str]) -> list[str]:
    """Names of the nodes of each component of a Slurm job, in Slurm's own short form."""
    groups = components(environment)
    if groups == 1:
        names = [environment.get("SLURM_JOB_NODELIST", "")]
    else:
        names = [environment.get(f"SLURM_JOB_NODELIST_HET_GROUP_{i}", "") for i in range(groups)]
    return [entry for entry in names if entry]


def slurm_numbers(environment: Mapping[str, str]) -> frozenset[str]:
    """Slurm's own numbers of the job, with a number for each component of a heterogeneous job."""
    return frozenset({environment.get("SLURM_JOB_ID", ""), *_numbers_of_components(environment)})


def components(environment: Mapping[str, str]) -> int:
    """Number of the components of a heterogeneous job; 1 for any other job."""
    groups = whole_number(environment.get("SLURM_HET_SIZE", "")) or 1
    return groups if _numbers_of_components(environment) else 1


def whole_number(text: str) -> int | None:
    """A number of at most eight digits; None: the text is not a number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _numbers_of_components(environment: Mapping[str, str]) -> set[str]:
    """Empty if the job has a single component. sbatch inside a heterogeneous job passes the
    variables of the heterogeneous job on.
    """
    prefix = "SLURM_JOB_ID_HET_GROUP_"
    numbers = {value for name, value in environment.items() if name.startswith(prefix)}
    return numbers if environment.get("SLURM_JOB_ID") in numbers else set()
