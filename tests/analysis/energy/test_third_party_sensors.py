"""A collector that the core has never heard of joins by the fields of its channels alone."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from energybench.analysis.energy.boundary import cover
from energybench.analysis.sensors.mirrored_counters import mirrors
from energybench.model import Channel, Host, Trace
from tests.analysis.runs import RANGES
from tests.analysis.truth import channel, trace

HOST = Host(name="n", sockets=2, memory_bytes=256 * 10**9)


def counters(collector: str, *, dram: tuple[int, ...] = (0, 1), rank: int = 10) -> list[Channel]:
    """Two packages and the memory of some sockets, as RAPL shows them."""
    parts = [("cpu.package", i) for i in range(2)] + [("cpu.dram", i) for i in dram]
    return [
        channel(
            collector=collector,
            device=f"package-{i}",
            component=component,
            resolution=1e-6,
            rank=rank,
            socket=f"package-{i}",
        )
        for component, i in parts
    ]


def _parts(channels: list[Channel]) -> list[tuple[str, str, str]]:
    boundary = cover("compute", channels, HOST, RANGES).boundary
    return [(part.component, part.device, part.state) for part in boundary.parts]


@pytest.mark.parametrize("collector", ["rapl", "zenmon"])
def test_a_rapl_like_collector_covers_what_rapl_covers(collector: str) -> None:
    """Packages and memory by socket; a socket without a memory counter is modelled, and a missing
    package has a range.
    """
    assert _parts(counters(collector)) == [
        ("cpu.package", "package-0", "measured"),
        ("cpu.package", "package-1", "measured"),
        ("cpu.dram", "package-0", "measured"),
        ("cpu.dram", "package-1", "measured"),
    ]
    half = cover("compute", counters(collector, dram=(0,)), HOST, RANGES)
    (memory,) = [model.part for model in half.models]
    assert memory.high_w == pytest.approx(0.5 * 256 / 2)
    one = cover("compute", counters(collector)[:1], HOST, RANGES)
    missing = [model.part.device for model in one.models if model.part.component == "cpu.package"]
    assert missing == ["package-1"]


def test_sockets_with_other_names_are_counted() -> None:
    """Of two sockets, one that a collector calls P0 is covered, and one is missing."""
    (first, *_) = counters("zenmon")
    named = msgspec.structs.replace(first, device="P0", socket="P0")
    models = cover("compute", [named], HOST, RANGES).models
    assert sum(model.part.component == "cpu.package" for model in models) == 1


@pytest.mark.parametrize("collector", ["rapl", "zenmon"])
def test_mirrored_dies_are_found_in_any_collector(collector: str) -> None:
    """Two dies that show one register are mirrors, whatever the collector is called."""
    t = np.arange(0.0, 10.0, 0.1)
    raw = np.cumsum(np.random.default_rng(1).integers(1, 9, t.size)).astype(np.int64)
    of_one_socket = [
        msgspec.structs.replace(die, socket="package-0") for die in counters(collector, dram=())
    ]
    dies: list[Trace] = [trace(die, t, raw) for die in of_one_socket]
    assert mirrors(dies).repeated == {dies[1].channel.id}


@pytest.mark.parametrize(("rank", "chosen"), [(5, "zenmon"), (50, "rapl")])
def test_the_lower_rank_counts(rank: int, chosen: str) -> None:
    """Of two sensors of one part the one with the lower rank is summed, and only that one."""
    both = [*counters("rapl", rank=10), *counters("zenmon", rank=rank)]
    sources = cover("compute", both, HOST, RANGES).sources
    assert {source.channel.collector for source in sources} == {chosen}
    assert len(sources) == 4
