"""Records of tests on simulated nodes, with scatter from fixed seeds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from energybench.gating.records import HostIdentity, Record, record
from energybench.model import Host, Measurement
from tests.analysis.runs import run, work

NAME = "tests/test_a.py::test_a"
MACHINE = ("dmi:00112233aabbccdd", "boot:0011223344556677")


def measured(
    factors: Sequence[float] = (1.0, 1.01, 0.99, 1.02, 0.98),
    *,
    host: str = "node",
    ids: tuple[str, ...] = MACHINE,
    iterations: float = 100.0,
    **changes: object,
) -> Measurement:
    """A run of one test: each factor is a round of 2 s at that factor of 220 W."""
    measurement = run(
        "session",
        times_s=[2.0] * len(factors),
        power_factor=list(factors),
        host=host,
        done=work(amount=iterations, unit="iteration"),
        **{"gain_u": 0.03, **changes},  # type: ignore[arg-type]
    )
    named: Host = msgspec.structs.replace(measurement.host, ids=ids)
    return msgspec.structs.replace(measurement, host=named)


def sample(factors: Sequence[float] = (1.0, 1.01, 0.99, 1.02, 0.98), **changes: object) -> Record:
    """A record without a session: it counts as a session of its own."""
    made = record(measured(factors, **changes), NAME)  # type: ignore[arg-type]
    return msgspec.structs.replace(made, session="")


@functools.cache
def _template() -> Record:
    return sample()


def processes(
    number: int,
    seed: int,
    *,
    change: float = 0.0,
    between: float = 0.01,
    scatter: float = 0.03,
    rounds: int = 5,
    like: Record | None = None,
) -> list[Record]:
    """Processes of a test with scatter between processes and between rounds."""
    rng = np.random.default_rng(seed)
    template = like or _template()
    levels = (1 + change) * np.exp(between * rng.standard_normal((number, 1)))
    rows = levels * np.exp(scatter * rng.standard_normal((number, rounds)))
    return [
        msgspec.structs.replace(
            template,
            windows_j={
                name: tuple(cells[0] * x for x in row) for name, cells in template.windows_j.items()
            },
            iterations=(100.0,) * rounds,
            session=f"session {seed}/{i}",
        )
        for i, row in enumerate(rows.tolist())
    ]


def rounds(mean: float = 1.0, scatter: float = 0.01, n: int = 5, seed: int = 0) -> list[float]:
    """Energies with exactly this mean, and this standard deviation relative to the mean."""
    draws = np.random.default_rng(seed).standard_normal(n)
    even = (draws - draws.mean()) / draws.std(ddof=1)
    return [float(mean * (1 + scatter * x)) for x in even]


def record_of(
    energies: Sequence[float], *, name: str = "test_fft", session: str = "s1", **changes: Any
) -> Record:
    """A record of one package with a counter."""
    stated: dict[str, Any] = {
        "schema": "energybench-ci/1",
        "name": name,
        "energy_j": (1.0, 0.9, 1.1),
        "windows_j": {"cpu.package": tuple(energies)},
        "iterations": (100.0,) * len(energies),
        "quality": "measured",
        "parts": {"cpu.package": "measured"},
        "sensors": {"cpu.package": {"rapl": 0.03}},
        "host": HostIdentity(ids=("dmi:aa", "boot:11"), name="job-1"),
        "session": session,
    }
    return Record(**{**stated, **changes})
