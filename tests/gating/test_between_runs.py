"""The scatter between runs that `energybench ab --same` measured, kept in a folder."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from energybench.gating.between_runs import ASSUMED, BetweenRuns, KeptScatter, from_same, keep
from energybench.gating.compare import compare_saved
from energybench.gating.records import HostIdentity, Record
from tests.gating.samples import MACHINE, processes, sample

NOW, BEFORE = "2026-11-20T10:00:00.000+00:00", "2026-11-01T10:00:00.000+00:00"


def at(record: Record, time_utc: str) -> Record:
    return msgspec.structs.replace(record, time_utc=time_utc)


def measured(between: float = 0.004, time_utc: str = BEFORE, **host: object) -> BetweenRuns:
    runs = [
        msgspec.structs.replace(
            one, time_utc=time_utc, host=HostIdentity(**{"ids": MACHINE, **host})
        )
        for one in processes(16, 3, between=between, scatter=0.0001)
    ]
    scatter = from_same([runs])
    assert scatter is not None
    return scatter


def test_an_upper_limit_of_the_scatter() -> None:
    """16 processes: the limit lies above the truth, and not far."""
    scatter = measured(0.004)
    assert scatter.processes == 16
    assert 0.004 < scatter.scatter_rel < 0.010
    assert from_same([processes(3, 1)]) is None


def test_it_is_used_and_named_with_its_date(tmp_path: Path) -> None:
    """A rise of 8 % is unclear with the assumed 2 % a run, and certain with what was measured."""
    baseline, risen = sample(), at(sample([1.08 * x for x in (1, 1.01, 0.99, 1.02, 0.98)]), NOW)
    assumed = compare_saved([baseline], risen, 0.05, between_runs=KeptScatter(tmp_path).of)
    assert "2 % a run assumed" in assumed.line
    keep(measured(0.002), tmp_path)
    kept = KeptScatter(tmp_path)
    verdict = compare_saved([baseline], risen, 0.05, between_runs=kept.of)
    assert verdict.outcome == "regressed"
    assert "a run measured here on 2026-11-01" in verdict.line
    assert verdict.change is not None
    assert assumed.change is not None
    assert verdict.change.low > assumed.change.low
    assert not kept.refusals


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (measured(time_utc="2026-06-01T10:00:00Z"), "172 days old"),
        (measured(ids=("dmi:ff",)), "another machine"),
    ],
)
def test_a_stale_one_and_that_of_another_host_are_not_used(
    tmp_path: Path, other: BetweenRuns, words: str
) -> None:
    keep(other, tmp_path)
    kept = KeptScatter(tmp_path)
    assert kept.of(at(sample(), NOW)) == ASSUMED
    (line,) = kept.refusals
    assert words in line
    assert "is not used" in line
    # the folder is shared: the measurement of this machine counts, although it is older
    keep(measured(time_utc="2026-10-01T10:00:00Z"), tmp_path)
    assert KeptScatter(tmp_path).of(at(sample(), NOW)).source == "measured here on 2026-10-01"


def test_a_broken_file_costs_itself_only(tmp_path: Path) -> None:
    keep(measured(), tmp_path)
    (tmp_path / "between-runs" / "9.json").write_text("{")
    kept = KeptScatter(tmp_path)
    assert kept.of(at(sample(), NOW)) != ASSUMED
    (line,) = kept.refusals
    assert "9.json" in line
