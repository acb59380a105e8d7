"""The environments of Slurm's programs. Variables of a user's shell are options of these programs,
and must not change a question to Slurm, a job or a step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Options of a client ("Environment variables" in its manual), and the formats of times and lists
_OPTION = re.compile(
    r"(SACCT|SALLOC|SBATCH|SCANCEL|SCONTROL|SINFO|SQUEUE|SRUN|SSTAT)_"
    r"|SLURM_(BITSTR_LEN|TIME_FORMAT|TOPO_LEN)$"
)
# Slurm's variables that a step may take over from the job: the job's identity. Any other variable
# SLURM_* would become an option of srun (srun(1), "Input environment variables"), such as the
# tasks, memory and CPU binding that a user requested for the program.
_IDENTITY = re.compile(
    r"SLURM_(JOB_?ID|JOB_UID|JOB_USER|JOB_ACCOUNT|JOB_PARTITION|CONF|CLUSTER|WORKING_CLUSTER|HET_"
    r"|RESTART_COUNT|ARRAY_|NODE_ALIASES|TOPOLOGY|SUBMIT_|JWT|.*_HET_GROUP_\d+$|.*_PACK_GROUP_\d+$)"
)
# Variables that a new job may take over from the submitting environment: the place of Slurm, and
# the site's kind of MPI
_SITE = re.compile(r"SLURM_(CONF|CLUSTERS|JWT|MPI_TYPE)$")
# The place of a process among the ranks of its launch; read by `launch`
_RANK = re.compile(
    r"(PMI_|OMPI_COMM_WORLD_|TORCHELASTIC_|GROUP_(RANK|WORLD_SIZE)$|PMIX_(NAMESPACE|RANK)$"
    r"|JSM_NAMESPACE_|FLUX_(TASK|JOB)_|PALS_|MV2_COMM_WORLD_|MVP_COMM_WORLD_|ALPS_APP_"
    r"|MPI_LOCAL(NRANKS|RANKID)$|(LOCAL_)?(RANK|WORLD_SIZE)$)"
)


def without_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the variables that are options of Slurm's programs."""
    return {name: value for name, value in environment.items() if not _OPTION.match(name)}


def of_own_step(environment: Mapping[str, str]) -> dict[str, str]:
    """For a step of our own: without the options for the program's steps."""
    return {
        name: value
        for name, value in without_options(environment).items()
        if not name.startswith("SLURM_") or _IDENTITY.match(name)
    }


def of_new_job(environment: Mapping[str, str]) -> dict[str, str]:
    """For a separate job, even if this process is inside a job: sbatch hands its environment to the
    job, which must not mistake the step of its submission for its own step.
    """
    return {
        name: value
        for name, value in without_options(environment).items()
        if (not name.startswith("SLURM_") or _SITE.match(name)) and not _RANK.match(name)
    }
