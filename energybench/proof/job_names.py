"""The names of a job: its number, its cluster, and both together as directories and ids have them.

A number of few digits occurs in any text. It is therefore replaced in the field that holds it, in
the name of the job (`Job.name`), and beside a word for a job (`forms.job_number`).
"""

from __future__ import annotations

import re

from energybench.model import Job
from energybench.proof.pseudonyms import Pseudonyms
from energybench.store.layout import file_word

# Task 3 of the array 12 is "12_3", component 1 of the heterogeneous job 12 is "12+1" (squeue(1)).
_PART_OF_JOB = re.compile(r"(\d+)[_+]\d+")


def learn_job(job: Job, names: Pseudonyms) -> None:
    """Learn the names of a job."""
    names.learn("nodes", job.node_names)
    names.learn("job", job.id)
    names.learn("cluster", job.cluster)
    if job.id is None:
        return
    if part := _PART_OF_JOB.fullmatch(job.id):
        names.learn("job", part[1])
    owner = names.of_field("cluster", job.cluster) if job.cluster else job.launcher
    pseudonym = f"{owner}-{names.of_field('job', job.id)}-r"
    names.learn_as(f"{job.cluster or job.launcher}-{job.id}-r", pseudonym)
    # as a part of the name of a directory, which may be cut short
    restart = str(job.restart)
    for word in (file_word(job.name), file_word(job.key).removesuffix(f"-s{job.step}")):
        if word.endswith(f"-r{restart}"):
            names.learn_as(word.removesuffix(restart), pseudonym)
        else:
            names.learn_as(word, pseudonym + restart)


def replaced_job(job: Job, names: Pseudonyms) -> dict[str, str | None]:
    """The fields of a job that hold a name, with pseudonyms."""
    return {
        "cluster": names.of_field("cluster", job.cluster, note=True),
        "id": names.of_field("job", job.id, note=True),
        "node_names": None if job.node_names is None else names.text(job.node_names),
    }
