"""How many machines measured a run: of each machine the latest measurement counts."""

from __future__ import annotations

import msgspec
import pytest

from energybench.campaigns.campaign_folder import whole
from energybench.campaigns.judging import is_done
from energybench.campaigns.planned_runs import planned_jobs
from energybench.model import Measurement
from tests.analysis.runs import run
from tests.campaigns.examples import HEAD, campaign

SPREAD = HEAD + '[cases.app]\ncommand = ["app"]\n[platforms.cpu]\nspread = 2\n'


def on(name: str, *ids: str, run_id: str = "a", nodes: int = 1) -> Measurement:
    """A measurement on the node of a name, with identities."""
    measured = run(run_id, host=name)
    host = msgspec.structs.replace(measured.host, ids=ids)
    return msgspec.structs.replace(measured, host=host, nodes=nodes)


@pytest.mark.parametrize(
    ("first", "second", "machines"),
    [
        (on("n1", "machine:1", "boot:1"), on("n1", "machine:1", "boot:2"), 1),
        (on("n1", "dmi:1", "machine:1", "boot:1"), on("n1", "machine:1", "boot:2"), 1),
        # a node that starts from an image has the identity of its boot alone
        (on("n1", "boot:1"), on("n1", "boot:2"), 1),
        (on("n1", "boot:1"), on("n2", "boot:2"), 2),
        (on("n1", "boot:1"), on("container", "boot:1"), 1),
        (on("n1", "machine:1"), on("n1", "machine:2"), 2),
        (on("n1"), on("n1"), 1),
        (on("n1"), on("n2"), 2),
        (on("n1", "boot:1", nodes=2), on("n3", "boot:3", nodes=2), 1),
    ],
)
def test_a_machine_counts_once(first: Measurement, second: Measurement, machines: int) -> None:
    """Also after it was started again; two machines with one name count twice."""
    second = msgspec.structs.replace(second, id="b")
    kept = whole([first, second])
    assert [one.id for one in kept] == ["a", "b"][-machines:]


def test_a_node_that_was_started_again_is_not_a_second_node() -> None:
    (job,) = planned_jobs(campaign(SPREAD))
    both = [on("n1", "machine:1", f"boot:{i}", run_id=str(i)) for i in range(2)]
    assert not is_done(job, both, local=False)
    assert is_done(job, [*both, on("n2", "machine:2", "boot:3")], local=False)
