"""The lattice over several nodes: each node makes its own part, and all solve the same system."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from energybench.errors import BadInput
from energybench_workloads.common import uniforms
from energybench_workloads.milc import Milc, gauge
from energybench_workloads.milc.lattice import Lattice
from energybench_workloads.milc.source import random_source
from energybench_workloads.milc.window import Window

LATTICE = Lattice(4, 4, 6, 24)
SETTINGS = {"threads": "1", "kernels": "eager", "lattice": "4x4x4x16", "mass": "0.5"}


def test_uniforms_from_any_place_of_a_stream() -> None:
    whole = uniforms(3, 2, 100)
    for first in (0, 4, 48, 96):
        assert (uniforms(3, 2, 100 - first, first=first) == whole[first:]).all()
    with pytest.raises(ValueError, match="multiple"):
        uniforms(3, 2, 1, first=2)


@pytest.mark.parametrize(("nodes", "node"), [(2, 0), (2, 1), (3, 1)])
def test_a_node_makes_its_part_of_the_fields_bit_for_bit(nodes: int, node: int) -> None:
    """Thin links, fat and Naik links with the boundary, source, and the mean plaquette."""
    window = Window(LATTICE, nodes, node)
    thin = gauge.random_links(LATTICE, 5, 0.65)
    links = gauge.smear(thin)
    b = random_source(LATTICE, links, 0.1, 5)

    own_thin = gauge.random_links(LATTICE, 5, 0.65, slices=window.slices)
    own_links = window.with_boundary(gauge.smear(own_thin))
    own_b = random_source(window.lattice, own_links, 0.1, 5, slices=window.slices)

    place = slice(window.own.first, window.own.first + window.own.depth)
    slices = list(window.slices[place])
    assert slices == list(range(node * LATTICE.t // nodes, (node + 1) * LATTICE.t // nodes))
    assert torch.equal(own_thin, thin[:, list(window.slices)])
    for mu in range(3):
        assert torch.equal(own_links.fat[mu, place], links.fat[mu, slices])
        assert torch.equal(own_links.long[mu, place], links.long[mu, slices])
    for field, own_field, hop in (
        (links.fat, own_links.fat, 1),
        (links.long, own_links.long, 3),
    ):
        for own, t in zip(own_field[3, place], slices, strict=True):
            assert torch.equal(own, -field[3, t] if t + hop >= LATTICE.t else field[3, t])
    assert torch.equal(window.inside(own_b), window.inside(window.cut(b)))


NODE = """
import contextlib, json, sys
from energybench_workloads.milc import Milc

def region(label):
    return contextlib.nullcontext()

if __name__ == "__main__":
    workload = Milc()
    workload.setup("smoke", "cpu", region, json.loads(sys.argv[1]))
    workload.meet()
    work = workload.run(region)
    checks = workload.verify()
    x = workload._team.gathered(workload._window.inside(workload._problem.x)).abs().sum()
    print(json.dumps({
        "fingerprint": work.fingerprint, "flops": work.flops, "x": float(x),
        "iterations": workload._counts.iterations,
        "failed": [check.quantity for check in checks if not check.passed],
        "residual": checks[0].value, "plaquette": workload.settings()["plaquette"],
    }))
    workload.close()
"""


@pytest.mark.parametrize("ranks", ["1", "2"])
def test_two_nodes_solve_what_one_node_solves(ranks: str) -> None:
    """Problem, iterations and solution are equal, and every check of every node passes."""
    settings = {**SETTINGS, "ranks": ranks}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", NODE, json.dumps(settings)],
            env={**os.environ, **meeting, "RANK": str(node)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for node in range(2)
    ]
    alone = Milc()
    alone.setup("smoke", "cpu", lambda label: contextlib.nullcontext(), SETTINGS)
    work = alone.run(lambda label: contextlib.nullcontext())
    for node in nodes:
        said = json.loads(node.communicate(timeout=800)[0])
        assert said["failed"] == []
        assert said["fingerprint"] == work.fingerprint
        assert said["flops"] == work.flops
        assert alone._counts is not None
        assert said["iterations"] == alone._counts.iterations
        assert alone._problem is not None
        assert said["x"] == pytest.approx(float(alone._problem.x.abs().sum()), rel=1e-12)
        assert said["residual"] == pytest.approx(alone.verify()[0].value, rel=1e-3)
        assert said["plaquette"] == alone.settings()["plaquette"]
    alone.close()


@pytest.mark.parametrize(
    ("settings", "word"), [({"gauge": "heatbath"}, "one node"), ({"lattice": "4x4x4x18"}, "evenly")]
)
def test_a_lattice_that_nodes_cannot_share_is_one_line(
    settings: dict[str, str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "4"), ("MASTER_ADDR", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    workload, wrong = Milc(), {**SETTINGS, **settings}
    with pytest.raises(BadInput, match=word):
        workload.setup("smoke", "cpu", lambda label: contextlib.nullcontext(), wrong)
