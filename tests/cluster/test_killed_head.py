"""The head node's process is killed in mid-job: the recovered job says which repeats it lacks."""

from __future__ import annotations

import pytest

from energybench.store.layout import RUN
from tests.cluster.test_all_nodes_of_a_job import MEASURE, result, truth_j
from tests.simulators.slurm import Cluster

pytestmark = pytest.mark.slurm


def test_a_recovered_job_says_so(slurm: Cluster) -> None:
    """Two of five repeats are whole. The clocks are known from the end of the second."""
    program = "srun --overlap sh -c 'echo begun; sleep 2'"
    lines = "store/.partial*/windows.jsonl"
    script = f"""
        wait_for() {{ for i in $(seq 600); do "$@" 2> /dev/null && return; sleep 0.1; done; }}
        third() {{
            [ $(grep -c '"window":{{' {lines}) = 2 ] && [ $(grep -c '"opening":{{' {lines}) = 3 ]
        }}
        results() {{ [ $(ls store/.partial*/node-*/{RUN} | wc -l) = 2 ]; }}
        {MEASURE} --repeats 5 -- {program} & measuring=$!
        wait_for third
        sleep 1
        kill -KILL $measuring
        wait_for results
        energybench recover store
    """
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2).wait()
    document = result(job)
    assert len(document["repeats"]) == 2
    messages = {doubt["code"]: doubt["message"] for doubt in document["doubts"]}
    assert "with 2 of 5 repeats run to the end" in messages["recovered"]
    assert "repeat 3 of 5" in messages["cut-off"]
    assert "clock-error-unknown" not in messages
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]
