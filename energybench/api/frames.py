"""`energybench.load(store)`: the runs of a store as tables of pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.model import quality_words

if TYPE_CHECKING:
    import pandas as pd

    from energybench.model import Estimate, Measurement


class Frames:
    """The results of a store.

    runs      a row for each run or job: id, label, start, time, power (W, of one node), nodes,
              repeats, quality, boundary, host, doubts
    energies  a row for each run and component ("total" is the whole boundary): value, low and high
              in J, quality, boundary
    repeats   a row for each repeat: start and end (s on the host's clock), energy in J
    shares    a row for each node of each job: state, energy in J, power in W, time read in s
    """

    def __init__(self, measured: Sequence[tuple[Path, Measurement]]) -> None:
        import pandas as pd

        self._directories = {measurement.id: path for path, measurement in measured}
        measurements = [measurement for _, measurement in measured]
        self._shares = {measurement.id: measurement.shares for measurement in measurements}
        self.runs: pd.DataFrame = pd.DataFrame([_run(m) for m in measurements], columns=list(_RUN))
        self.energies: pd.DataFrame = pd.DataFrame(
            [row for m in measurements for row in _energies(m)], columns=list(_ENERGY)
        )
        self.repeats: pd.DataFrame = pd.DataFrame(
            [row for m in measurements for row in _repeats(m)], columns=list(_REPEAT)
        )

        self.shares: pd.DataFrame = pd.DataFrame(
            [row for m in measurements for row in _shares(m)], columns=list(_SHARE)
        )

    def samples(self, run: str) -> pd.DataFrame:
        """The raw samples of a run: time in s, collector, device, component, kind, raw value, and
        whether the read worked. For a job, the samples of the nodes' parts with the name of each
        part; times belong to each node's own clock.

        run  the id of a run. Raises BadInput.
        """
        import pandas as pd

        from energybench.errors import BadInput
        from energybench.store.reader import read_traces

        if run not in self._directories:
            raise BadInput(f"samples({run!r})", "no such run", "an id of the table `runs`")
        directory = self._directories[run]
        parts = {share.part: directory / share.part for share in self._shares[run] if share.part}
        tables = [
            pd.DataFrame(
                {
                    **({"part": part} if part else {}),
                    "t_s": trace.t_s,
                    "collector": trace.channel.collector,
                    "device": trace.channel.device,
                    "component": trace.channel.component,
                    "quantity": trace.channel.quantity or trace.channel.kind,
                    "raw": trace.raw,
                    "ok": trace.ok,
                    "resolution": trace.channel.resolution,
                }
            )
            for part, path in (parts or {"": directory}).items()
            for trace in read_traces(path)[0]
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


_RUN = (
    "id",
    "label",
    "time_s",
    "time_s_low",
    "time_s_high",
    "power_w",
    "nodes",
    "repeats",
    "partial",
    "quality",
    "boundary",
    "host",
    "work",
    "unit",
    "fingerprint",
    "energy_per_work_j",
    "doubts",
)
_ENERGY = ("id", "label", "component", "energy_j", "low_j", "high_j", "quality", "boundary")
_SHARE = (
    "id",
    "label",
    "node",
    "state",
    "energy_j",
    "low_j",
    "high_j",
    "power_w",
    "covered_s",
    "window_s",
    "clock_half_s",
)
_REPEAT = ("id", "label", "repeat", "start_s", "end_s", "energy_j")


def _run(measurement: Measurement) -> dict[str, Any]:
    work = measurement.work
    return {
        "id": measurement.id,
        "label": measurement.label,
        "time_s": measurement.time_s.value,
        "time_s_low": measurement.time_s.low,
        "time_s_high": measurement.time_s.high,
        "power_w": _value(measurement.power_w),
        "nodes": measurement.nodes,
        "repeats": len(measurement.repeats),
        "partial": measurement.partial,
        "quality": _quality(measurement),
        "boundary": measurement.boundary.name,
        "host": measurement.host.name,
        "work": work.amount if work is not None else None,
        "unit": work.unit if work is not None else None,
        "fingerprint": work.fingerprint if work is not None else None,
        "energy_per_work_j": _value(measurement.energy_per_work_j),
        "doubts": " ".join(dict.fromkeys(doubt.code for doubt in measurement.doubts)),
    }


def _quality(measurement: Measurement) -> str | None:
    return quality_words(measurement.quality, replayed=measurement.replayed) or None


def _energies(measurement: Measurement) -> Iterator[dict[str, Any]]:
    rows = {"total": measurement.energy_j, **measurement.components_j}
    for component, estimate in rows.items():
        if estimate is not None:
            yield {
                "id": measurement.id,
                "label": measurement.label,
                "component": component,
                "energy_j": estimate.value,
                "low_j": estimate.low,
                "high_j": estimate.high,
                "quality": _quality(measurement),
                "boundary": measurement.boundary.name,
            }


def _repeats(measurement: Measurement) -> Iterator[dict[str, Any]]:
    for number, repeat in enumerate(measurement.repeats):
        yield {
            "id": measurement.id,
            "label": measurement.label,
            "repeat": number,
            "start_s": repeat.start_s,
            "end_s": repeat.end_s,
            "energy_j": repeat.energy_j,
        }


def _shares(measurement: Measurement) -> Iterator[dict[str, Any]]:
    for share in measurement.shares:
        energy = share.energy_j
        yield {
            "id": measurement.id,
            "label": measurement.label,
            "node": share.node,
            "state": share.state,
            "energy_j": _value(energy),
            "low_j": energy.low if energy is not None else None,
            "high_j": energy.high if energy is not None else None,
            "power_w": share.power_w,
            "covered_s": share.covered_s,
            "window_s": share.window_s,
            "clock_half_s": share.clock_half_s,
        }


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate is not None else None


def load(store: str | Path = "results") -> Frames:
    """The finished runs of a store, or of a single run's directory, as tables.

    Raises BadInput if the folder is missing, or if a run is unreadable.
    """
    from energybench.errors import BadInput
    from energybench.store.layout import is_run, runs
    from energybench.store.reader import read_run

    path = Path(store)
    if not path.is_dir():
        raise BadInput(str(path), "is no folder", "the folder that --out or store= named")
    directories = [path] if is_run(path) else runs(path)
    return Frames([(directory, read_run(directory)) for directory in directories])
