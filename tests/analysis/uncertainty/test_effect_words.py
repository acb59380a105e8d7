"""Names of effects: numbers of devices in the place of identities."""

from __future__ import annotations

import re

from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effect_words import EffectNames
from energybench.analysis.uncertainty.effects import normal, rectangular, student
from energybench.model import Effect
from tests.reports.sample_gpu_node import gpu_node

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}")


def gain(device: str, component: str = "gpu.board") -> Effect:
    return normal("gain", 1.0, Place(component, device, "counter"), key=f"gain:{device}")


def memory(host: str) -> Effect:
    return rectangular("model", 1.0, Place("cpu.dram", host, "model"), detail="load")


def test_boards_are_numbered_in_the_order_of_the_node() -> None:
    """Boards without an effect count too."""
    run = gpu_node()
    boards = [gpu.uuid for gpu in run.host.gpus]
    second = gain(boards[1])
    assert EffectNames([second], [run]).name(second) == f"gpu.board 2 of {len(boards)}: gain"
    assert boards[1] in (second.key or "")


def test_boards_of_an_unknown_node_are_numbered_by_their_names() -> None:
    first, second = gain("GPU-a"), gain("GPU-b")
    names = EffectNames([second, first])
    assert [names.name(one) for one in (first, second)] == [
        "gpu.board 1 of 2: gain",
        "gpu.board 2 of 2: gain",
    ]
    assert EffectNames([second]).name(second) == "gpu.board: gain"


def test_the_only_node_is_not_named() -> None:
    """Of several nodes, the number of the node."""
    one, other = memory("node-a"), memory("node-b")
    assert EffectNames([one]).name(one).startswith("cpu.dram: ")
    assert EffectNames([one, other]).name(other).startswith("cpu.dram of node 2 of 2: ")


def test_sockets_and_effects_without_a_device_keep_their_names() -> None:
    for effect in (gain("package-0", "cpu.package"), student(1.0, 3.0)):
        assert EffectNames([effect]).name(effect) == effect.name


def test_no_identity_stands_in_a_name_of_the_sample() -> None:
    run = gpu_node()
    assert run.energy_j is not None
    names = EffectNames(run.energy_j.effects, [run])
    shown = [names.name(effect) for effect in run.energy_j.effects]
    assert not any(UUID.search(name) or run.host.name in name for name in shown)
