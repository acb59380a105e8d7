"""`energybench slurm check JOB`: every row of a job's accounts beside our own energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.cluster import reconciling
from energybench.cluster.accounts import Row
from energybench.cluster.own_parts import OwnResult, own_energies, parts_of, results_of
from energybench.cluster.reconciling import OwnEnergy, Reconciled, Stands
from energybench.cluster.row_windows import RowWindow, Start, kind, lasts_as_long, starts, window
from energybench.cluster.slurm_configuration import Configuration
from energybench.data.slurm_bugs import SlurmBug, of_version
from energybench.model import Noun


class KnownFault(Noun, frozen=True, kw_only=True):
    """A fault of this version's energy accounting."""

    name: str
    effect: str
    source: str


class CountedWith(Noun, frozen=True, kw_only=True):
    """Slurm's energy configuration now; a job may have run under another configuration.

    components  parts of the nodes that the plug-ins read
    period_s    greatest age of a reading at the edges of a row
    bugs        known faults of this version
    """

    cluster: str
    version: str | None
    plug_ins: tuple[str, ...]
    components: tuple[str, ...]
    prolog_flags: tuple[str, ...]
    contain: bool
    node_period_s: float | None
    task_period_s: float | None
    period_s: float
    bugs: tuple[KnownFault, ...]


class JobCheck(Noun, frozen=True, kw_only=True):
    """The rows of a job's accounts beside our results.

    results  identities of our results of the job
    notes    remarks about the whole job
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["slurm-check"] = "slurm-check"
    job: str
    counted_with: CountedWith
    results: tuple[str, ...]
    rows: tuple[Reconciled, ...]
    notes: tuple[str, ...] = ()


def counted_with(config: Configuration) -> CountedWith:
    return CountedWith(
        cluster=config.cluster,
        version=config.version.text if config.version is not None else None,
        plug_ins=config.plug_ins,
        components=config.components,
        prolog_flags=config.prolog_flags,
        contain=config.contain,
        node_period_s=config.node_period_s,
        task_period_s=config.task_period_s,
        period_s=config.period_s,
        bugs=tuple(
            KnownFault(name=bug.name, effect=bug.effect, source=bug.source) for bug in _bugs(config)
        ),
    )


def check(
    job: str, rows: Sequence[Row], config: Configuration, store: Path, ranges: Ranges
) -> JobCheck:
    """Raises BadInput for a damaged result in the store."""
    own_starts = starts(rows)
    names = {row.name for row in rows} | {row.name.partition("+")[0] for row in rows}
    results = results_of(store, config.cluster, names)
    places = {place for row in rows if (place := window(row)) is not None}
    own = own_energies(parts_of(results, config.components, ranges), places)
    checked = [row for start in own_starts for row in _StartCheck(start, own, config).rows()]
    return JobCheck(
        job=job,
        counted_with=counted_with(config),
        results=tuple(result.measurement.id for result in results),
        rows=tuple(checked),
        notes=_notes(results, own_starts, store),
    )


class _StartCheck(NamedTuple):
    """A start of the job, with our energy of the nodes and the time of each row."""

    start: Start
    own: Mapping[RowWindow, OwnEnergy]
    config: Configuration

    def rows(self) -> list[Reconciled]:
        return [self._checked(row) for row in self.start.rows]

    def _checked(self, row: Row) -> Reconciled:
        place = window(row)
        own = self.own[place] if place is not None else None
        answer = Reconciled(
            label=row.label,
            kind=kind(row),
            restart=self.start.number,
            state=row.state,
            nodes=place.nodes if place is not None else (),
            elapsed_s=row.elapsed_s,
            node_s=place.node_s if place is not None else None,
            read_node_s=own.read_node_s if own is not None else None,
            slurm_j=row.energy_j,
            finding="not-ended",
            why=_unended(row),
            results=tuple(dict.fromkeys(own.results.values())) if own is not None else (),
            unread=own.unread if own is not None and own.nodes else (),
        )
        if place is None or own is None or not row.ended:
            return answer
        return self._compared(row, place, own, answer)

    def _compared(
        self, row: Row, place: RowWindow, own: OwnEnergy, answer: Reconciled
    ) -> Reconciled:
        ours_j = own.energy_j if own.nodes else None
        if row.state == "RESIZING":
            why = "nodes left or joined the job then: Slurm closed the row unread"
            return _with(answer, finding="not-measured", why=why, ours_j=ours_j)
        if not row.step and self.start.is_resized:
            why = "nodes left or joined the job: the figure is that of an unknown part of its nodes"
            return _with(answer, finding="not-measured", why=why, ours_j=ours_j)
        # figures of Slurm that are no measurement
        each_w = own.limit_w / len(own.nodes) if own.nodes else None
        why = reconciling.not_measured(row.energy_j, self.config.plug_ins, place.node_s, each_w)
        bugs = self._bugs(reconciling.shown(row.energy_j, why))
        if why or row.energy_j is None:
            if row.energy_j is None and self._has_extern_energy(row):
                why, bugs = "blank: the energy of this start stands in its step extern", ()
            return _with(answer, finding="not-measured", why=why, ours_j=ours_j, bugs=bugs)
        if ours_j is None:
            return _with(
                answer, finding="no-result", why="no result of ours read these nodes at that time"
            )

        # the difference by cause
        stands = self._stands(row, place)
        steps = self._steps(stands)
        expected_j, causes = reconciling.split(row.energy_j, own, self.config.period_s, steps)
        finding, why = reconciling.finding(place, own, expected_j, causes, stands)
        return _with(
            answer,
            finding=finding,
            why=why,
            ours_j=ours_j,
            expected_j=expected_j,
            difference_j=row.energy_j - ours_j.value - own.others_j.value,
            split=causes,
            bugs=bugs if finding == "differs" else (),
        )

    def _stands(self, row: Row, place: RowWindow) -> Stands:
        """The source of a row's energy."""
        extern = self.start.extern
        if row.step:
            return "itself"
        if extern is not None and not lasts_as_long(extern, place):
            return "extern"
        return "steps" if self.start.sums_steps else "itself"

    def _steps(self, stands: Stands) -> list[OwnEnergy] | None:
        """Own energies of the steps that stand for a row; None: the row stands for itself."""
        if stands == "itself":
            return None
        extern = self.start.extern
        steps = (extern,) if stands == "extern" and extern is not None else self.start.own_steps
        places = [window(step) for step in steps]
        return [self.own[place] for place in places if place is not None]

    def _has_extern_energy(self, row: Row) -> bool:
        extern = self.start.extern
        return not row.step and extern is not None and bool(extern.energy_j)

    def _bugs(self, way: str) -> tuple[str, ...]:
        return tuple(bug.name for bug in _bugs(self.config) if way in bug.shows)


def _with(answer: Reconciled, **changes: Any) -> Reconciled:
    return msgspec.structs.replace(answer, **changes)


def _unended(row: Row) -> str:
    if row.start_s is None:
        return f"{row.state or 'the job'}: never started"
    return "no nodes are stated" if row.ended else f"{row.state}: has not ended"


def _bugs(config: Configuration) -> tuple[SlurmBug, ...]:
    if config.version is None or not config.plug_ins:
        return ()
    return of_version(config.version, config.plug_ins, config.contain)


def _notes(
    results: Sequence[OwnResult], own_starts: Sequence[Start], store: Path
) -> tuple[str, ...]:
    notes = []
    if not results:
        notes.append(
            f"{store} holds no result of this job: measure it with `energybench measure --nodes "
            "job`, or name its store (--store)"
        )
    if len(results) > 1:
        notes.append(
            f"the job has {len(results)} results of ours: a row is compared with the one that read "
            "most of its time, which stands beside it"
        )
    holders = {start.holder for start in own_starts}
    if len(holders) > 1:
        notes.append(
            f"{len(holders)} jobs had this number, one after the other; each has rows of its own"
        )
    restarts = {start.number for start in own_starts}
    if len(restarts) > 1:
        notes.append(f"the job was started {len(restarts)} times; each start has rows of its own")
    if any(start.is_resized for start in own_starts):
        notes.append(
            "nodes left or joined the job while it ran: each set of nodes has a row of the job, "
            "which may state the start of the whole job, and no row has the energy of all nodes"
        )
    if any(start.sums_steps for start in own_starts):
        notes.append(
            "the job's row is the sum of its steps of srun (no PrologFlags=Contain): overlapping "
            "steps are counted twice, and time without a step not at all"
        )
    return tuple(notes)
