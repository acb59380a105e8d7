"""The relative change of a test's energy, with its uncertainty, by three kinds of evidence.

Changes are computed on logarithms of energies: a change of +x is ln(1 + x). Only components that
are measured on both sides count. Scatter is Student's t over independent units:

- pairs: baseline and candidate in alternating processes; the unit is a pair of processes, so that
  drifts of the machine and the scatter between processes are in the scatter of the pairs;
- history: saved sessions; the unit is a session, and the interval is a prediction interval for one
  more session (Student's t with k − 1 degrees of freedom, scale s·√(1 + 1/k));
- one saved run: the unit is a round in a process. Rounds do not show the scatter between processes
  and days, so a stated between-run scatter is added for either side.

Pure.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from energybench.analysis.comparison.pairs import paired_log
from energybench.analysis.uncertainty.coverage_factors import ONE_SIDED_Z95, Z95
from energybench.analysis.uncertainty.repeats import LogRatio, log_scatter
from energybench.gating.records import Record, totals_j

Evidence = Literal["pairs", "history", "one saved run"]

# Scatter of a test's energy from process to process, in addition to the scatter of the rounds in
# one process: 1 to 3 % on machines that are shared or change their temperature. The value is
# assumed, not measured, for a comparison with one saved run; benchmarks/gates.py shows the
# consequences.
BETWEEN_RUN_REL = 0.02
# Least number of saved sessions that show the scatter between sessions.
LEAST_SESSIONS = 5
_ONE_SIDED = 0.95


class Change(NamedTuple):
    """ln(candidate / baseline), with the parts of the uncertainty.

    units     number of pairs, of saved sessions, or of rounds of the candidate
    scatter   standard error by the scatter of the units; None: not known
    fixed_u   standard uncertainty that more units do not reduce: the remaining errors of the
              sensors, and the stated between-run scatter
    unit_u    standard uncertainty by a single unit; unit_u/√units for the units together
    rest_u    part of the standard error that belongs to the opposite side
    """

    log: float
    evidence: Evidence
    units: int
    scatter: LogRatio | None
    fixed_u: float = 0.0
    unit_u: float = 0.0
    rest_u: float = 0.0

    @property
    def half(self) -> float:
        """Half-width of the two-sided 95 % interval. Infinite if the scatter is not known."""
        return _reach(self.scatter, self.fixed_u, (1 + _ONE_SIDED) / 2)

    @property
    def reach(self) -> float:
        """Distance of the one-sided 95 % upper bound. Infinite if the scatter is not known."""
        return _reach(self.scatter, self.fixed_u, _ONE_SIDED)

    @property
    def rel(self) -> float:
        return math.expm1(self.log)

    def with_units(self, units: int) -> Change:
        """The change as expected with a different number of units."""
        if self.scatter is None:
            return self
        more = units - self.units
        if self.evidence == "history":
            u, dof = self.unit_u * math.sqrt(1 + 1 / units), units - 1.0
        else:
            u = math.hypot(self.unit_u / math.sqrt(units), self.rest_u)
            dof = max(1.0, self.scatter.dof + more)
        return self._replace(units=units, scatter=LogRatio(u, dof))


def from_pairs(
    baseline: Sequence[Record], candidate: Sequence[Record], measured: Sequence[str]
) -> Change:
    """The change over pairs of processes, in the order of the runs; a record is a process."""
    before = [mean_log(some, measured) for some in baseline]
    after = [mean_log(some, measured) for some in candidate]
    n = len(before)
    scatter = paired_log([math.exp(x) for x in after], [math.exp(x) for x in before])
    return Change(
        log=math.fsum(after) / n - math.fsum(before) / n,
        evidence="pairs",
        units=n,
        scatter=scatter,
        fixed_u=_sensors_u(baseline[0], candidate[0], measured),
        unit_u=scatter.u * math.sqrt(n) if scatter is not None else 0.0,
    )


def from_history(history: Sequence[Record], candidate: Record, measured: Sequence[str]) -> Change:
    """The change of a session against saved sessions, with one record per session.

    The scatter of the sessions contains the scatter of the rounds. A candidate with fewer rounds
    has a larger scatter: the difference is added.
    """
    before = [mean_log(some, measured) for some in history]
    k = len(before)
    mean = math.fsum(before) / k
    scatter, s = None, 0.0
    if k > 1:
        s = math.sqrt(math.fsum((x - mean) ** 2 for x in before) / (k - 1))
        scatter = LogRatio(s * math.sqrt(1 + 1 / k), k - 1.0)
    return Change(
        log=mean_log(candidate, measured) - mean,
        evidence="history",
        units=k,
        scatter=scatter,
        fixed_u=math.hypot(
            _sensors_u(history[-1], candidate, measured),
            _of_fewer_rounds(history, candidate, measured),
        ),
        unit_u=s,
    )


def from_saved_run(
    baseline: Record, candidate: Record, measured: Sequence[str], between_run_rel: float
) -> Change:
    """The change of the rounds of a process against the rounds of a saved process."""
    before, after = totals_j(baseline, measured), totals_j(candidate, measured)
    scatter = log_scatter(before, after)
    between = math.sqrt(2.0) * between_run_rel
    return Change(
        log=mean_log(candidate, measured) - mean_log(baseline, measured),
        evidence="one saved run",
        units=candidate.rounds,
        scatter=scatter,
        fixed_u=math.hypot(_sensors_u(baseline, candidate, measured), between),
        unit_u=_of_a_round(candidate, measured),
        rest_u=deviation(before) / math.sqrt(len(before)),
    )


def between_run_rel(sessions: Mapping[str, Sequence[Record]]) -> float | None:
    """Upper 95 % limit of the scatter between sessions of unchanged code, from an A/A run.

    sessions  the records of every test, one record per session
    None for fewer than three sessions. The sessions are the units, independent of the number of
    tests, because tests of a session share the state of the machine (chi-square of k − 1 degrees).
    """
    variances, k = [], 0
    for records in sessions.values():
        names = tuple(records[0].windows_j) if records else ()
        logs = [mean_log(some, names) for some in records if tuple(some.windows_j) == names]
        if names and len(logs) >= 3:
            variances.append(deviation([math.exp(x) for x in logs]) ** 2)
            k = max(k, len(logs))
    if not variances:
        return None
    from scipy import special

    # Lower 5 % quantile of chi-square: the true variance exceeds s²·(k − 1)/quantile in 5 %.
    quantile = float(special.chdtri(k - 1, _ONE_SIDED))
    return math.sqrt(math.fsum(variances) / len(variances) * (k - 1) / quantile)


# ---------------------------------------------------------------- parts of the uncertainty


def mean_log(some: Record, measured: Sequence[str]) -> float:
    """Logarithm of the energy of an iteration in J, the same whether windows were joined or not."""
    return math.log(math.fsum(some.mean_j(name) for name in measured))


def _of_a_round(some: Record, measured: Sequence[str]) -> float:
    """Standard deviation of the logarithms over measured windows: a joined window has the mean of
    several, whose variance is smaller by their number.
    """
    return deviation(totals_j(some, measured)) * math.sqrt(some.windows_in_one)


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of the logarithms; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    logs = [math.log(value) for value in values]
    mean = math.fsum(logs) / len(logs)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in logs) / (len(logs) - 1))


def _of_fewer_rounds(
    history: Sequence[Record], candidate: Record, measured: Sequence[str]
) -> float:
    """Standard uncertainty of the candidate in addition to the scatter of the sessions: variance
    σ²·(1/n − 1/m) for n rounds instead of m, with σ pooled over the rounds of the sessions.
    """
    rounds = len(history) / math.fsum(1 / some.rounds for some in history)  # harmonic mean
    if candidate.rounds >= rounds:
        return 0.0
    # joined windows have fewer degrees of freedom than measured ones
    degrees = [len(some.iterations) - 1 for some in history]
    squares = math.fsum(
        _of_a_round(some, measured) ** 2 * degree
        for some, degree in zip(history, degrees, strict=True)
    )
    dof = sum(degrees)
    return math.sqrt(squares / dof * (1 / candidate.rounds - 1 / rounds)) if dof else 0.0


def _sensors_u(baseline: Record, candidate: Record, measured: Sequence[str]) -> float:
    """Remaining uncertainty by the errors of the sensors. For a shared error, d ln(ratio) is the
    difference of the error's shares in the two energies, by keys as in `propagate`. Errors of a
    single record add in full.
    """
    errors: dict[str, float] = {}
    variance = 0.0
    for some, sign in ((baseline, -1.0), (candidate, 1.0)):
        energies = {name: some.mean_j(name) for name in measured}
        total = math.fsum(energies.values())
        for name in measured:
            share = energies[name] / total
            for shared in (some.sensors.get(name, {}), some.shared_u_rel.get(name, {})):
                for key, u_rel in shared.items():
                    errors[key] = errors.get(key, 0.0) + sign * share * u_rel
            variance += (share * some.own_u_rel.get(name, 0.0)) ** 2
    return math.sqrt(variance + math.fsum(u * u for u in errors.values()))


def _reach(scatter: LogRatio | None, fixed_u: float, probability: float) -> float:
    """Half-widths of Student's scatter and of the normal rest, added in quadrature."""
    if scatter is None:
        return math.inf
    return math.hypot(_quantile(scatter.dof, probability) * scatter.u, _z(probability) * fixed_u)


def _z(probability: float) -> float:
    return Z95 if probability > _ONE_SIDED else ONE_SIDED_Z95


@functools.lru_cache(maxsize=4096)
def _quantile(dof: float, probability: float) -> float:
    if math.isinf(dof):
        return _z(probability)
    from scipy import special

    return float(special.stdtrit(dof, probability))
