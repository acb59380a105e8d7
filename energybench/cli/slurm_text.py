"""Text and CSV of `energybench slurm`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from energybench.cli.doubt_lines import explained
from energybench.cluster.statement import FLAGS
from energybench.units import counted, show, show_value

if TYPE_CHECKING:
    from energybench.cluster.checking import CountedWith, JobCheck
    from energybench.cluster.partition_doctor import NodeFacts, PartitionFinding
    from energybench.cluster.reconciling import Reconciled
    from energybench.cluster.slurm_configuration import Configuration
    from energybench.cluster.starts import Starts
    from energybench.cluster.statement import Line, Statement

_CAUSES = (
    ("window", "time of the row outside our samples, and its whole seconds"),
    ("nodes", "nodes that we did not read, as if they drew what the others drew"),
    ("boundary", "parts of the nodes that Slurm does not read"),
    ("steps", "time that a sum of steps counts more than once, or leaves out"),
    ("sampling", "age of Slurm's readings at the edges"),
    ("unexplained", "left over"),
)
_MOST_NAMES = 8  # of nodes in a line
_MOST_JOBS = 200  # lines of a statement on a terminal; --csv and --json have them all

# ---------------------------------------------------------------- check


def check_lines(result: JobCheck) -> Iterator[str]:
    names = f" beside {', '.join(result.results)}" if result.results else ""
    yield f"job {result.job}{names}"
    yield from _counted_lines(result.counted_with)
    for row in result.rows:
        yield ""
        yield from _row_lines(row)
    if result.notes:
        yield ""
    yield from (f"note: {note}" for note in result.notes)


def _counted_lines(counted_with: CountedWith) -> Iterator[str]:
    plug_ins = ", ".join(counted_with.plug_ins) or "no energy plug-in"
    components = ", ".join(counted_with.components)
    yield (
        f"  Slurm {counted_with.version or '(version not known)'} of "
        f"{counted_with.cluster or '?'} counts with {plug_ins}"
        f"{f' ({components})' if components else ''}; PrologFlags "
        f"{','.join(counted_with.prolog_flags) or '(none)'}"
    )
    node = f"{counted_with.node_period_s:g} s" if counted_with.node_period_s else "only when asked"
    task = (
        f", of a task every {counted_with.task_period_s:g} s" if counted_with.task_period_s else ""
    )
    yield (
        f"  readings of a node: {node}{task}; a row's edge may use one that is "
        f"{counted_with.period_s:g} s old"
    )
    for bug in counted_with.bugs:
        yield f"  known fault of this version: {bug.name} ({bug.effect})"


def _row_lines(row: Reconciled) -> Iterator[str]:
    start = f", start {row.restart + 1}" if row.restart else ""
    nodes = counted(len(row.nodes), "node") if row.nodes else "no nodes"
    seconds = f"{row.elapsed_s} s" if row.elapsed_s is not None else "no time"
    figure = "blank" if row.slurm_j is None else show_value(row.slurm_j, "J", 4)
    yield f"{row.label} ({row.kind}{start}, {row.state}, {seconds}, {nodes}): Slurm {figure}"
    yield f"  {row.finding}: {row.why}"
    if row.ours_j is not None and row.read_node_s is not None and row.node_s:
        share = row.read_node_s / row.node_s
        yield (
            f"  ours, same components: {show(row.ours_j, 'J')} in {share:.1%} of its "
            f"{row.node_s:.0f} node-seconds, by {', '.join(row.results)}"
        )
        if row.unread:
            yield f"  not read: {_some(row.unread)}"
    if row.expected_j is not None:
        yield f"  Slurm should show: {show(row.expected_j, 'J')}"
    if row.split is not None and row.difference_j is not None:
        yield f"  difference from all that we measured there: {row.difference_j:+,.0f} J, of which"
        for name, words in _CAUSES:
            estimate = getattr(row.split, f"{name}_j")
            if estimate.value or estimate.low != estimate.high:
                yield (
                    f"    {name:<12}{estimate.value:>+12,.0f} J "
                    f"[{estimate.low:+,.0f}, {estimate.high:+,.0f}]   {words}"
                )
    if row.bugs:
        yield f"  perhaps: {', '.join(row.bugs)}"


def _some(nodes: Sequence[str]) -> str:
    more = len(nodes) - _MOST_NAMES
    return ", ".join(nodes[:_MOST_NAMES]) + (
        f" and {counted(more, 'more node')}" if more > 0 else ""
    )


# ---------------------------------------------------------------- starts


def starts_lines(result: Starts) -> Iterator[str]:
    yield f"job {result.job}, {result.label}: {counted(len(result.starts), 'start')}"
    for start in result.starts:
        words = [f"  start {start.restart + 1}:"]
        if start.energy_j is None:
            words.append("several results:" if ", " in start.id else "energy not known")
        else:
            words += [show(start.energy_j, "J"), "in", show(start.time_s, "s")]
        if start.partial:
            words.append("(cut: until the end of the readings)")
        yield " ".join((*words, start.id)).rstrip()
    if result.energy_j is not None:
        yield f"  together: {show(result.energy_j, 'J')}"
    yield from explained(result.doubts)


# ---------------------------------------------------------------- statement


def statement_lines(result: Statement) -> Iterator[str]:
    choice = [f"account {result.account}"] if result.account else []
    choice += [f"user {result.user}"] if result.user else []
    yield (
        f"{result.cluster}, {result.since_utc} to {result.until_utc}"
        f"{', ' if choice else ''}{', '.join(choice)}: {counted(len(result.jobs), 'job')}, "
        f"Slurm {result.version or '?'} with {', '.join(result.plug_ins) or 'no energy plug-in'}"
    )
    if result.components:
        yield f"energy of {', '.join(result.components)} alone: the rest of a node is not in it"
    yield (
        f"{'job':<14}{'user':<12}{'account':<12}{'state':<12}{'node-h':>10}{'energy':>14}"
        f"{'W a node':>10}  flags"
    )
    yield from (_line(line) for line in result.jobs[-_MOST_JOBS:])
    if len(result.jobs) > _MOST_JOBS:
        yield f"the last {_MOST_JOBS} jobs; --csv lists all"
    sums = result.sums
    yield (
        f"sum over {counted(sums.jobs, 'exclusive, measured job')}: "
        f"{show_value(sums.energy_j, 'J', 4)}, "
        f"{sums.node_s / 3600:.2f} node-hours"
        f"{f', {sums.mean_node_w:.0f} W a node' if sums.mean_node_w else ''}"
    )
    if sums.without_gpus:
        yield (
            f"{sums.without_gpus} of them held GPUs, whose energy is not in the sum: the plug-in "
            f"{', '.join(result.plug_ins)} does not read them"
        )
    if sums.left_out_jobs:
        reasons = ", ".join(f"{count} {flag}" for flag, count in sorted(sums.left_out.items()))
        yield f"left out: {counted(sums.left_out_jobs, 'job')} ({reasons})"
    if result.settling:
        yield (
            "jobs that began or ended in the last minute may be missing, or stand as running: "
            "Slurm's accounts learn of them late"
        )
    used = {flag for line in result.jobs for flag in line.flags}
    yield from (f"  {flag}: {words}" for flag, words in FLAGS.items() if flag in used)


def _line(line: Line) -> str:
    energy = show_value(line.energy_j, "J", 4) if line.energy_j is not None else "-"
    mean = f"{line.mean_w:.0f}" if line.mean_w is not None else "-"
    return (
        f"{line.job[:13]:<14}{line.user[:11]:<12}{line.account[:11]:<12}{line.state[:11]:<12}"
        f"{line.node_s / 3600:>10.3f}{energy:>14}{mean:>10}  {', '.join(line.flags)}"
    )


def statement_csv(result: Statement) -> bytes:
    """One line for each job, and one of heads. A value that was not measured is an empty cell."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    heads = (
        *("job", "name", "cluster", "user", "account", "partition", "state", "start_utc"),
        *("end_utc", "elapsed_s", "nodes", "node_s", "starts", "energy_j", "energy_from"),
        *("mean_w", "summed", "flags"),
    )
    writer.writerow(heads)
    for line in result.jobs:
        cells = [getattr(line, head) for head in heads[:-1]]
        writer.writerow([_cell(value) for value in (*cells, " ".join(line.flags))])
    return page.getvalue().encode()


def _cell(value: object) -> object:
    """Foreign text on one line and without a formula: a spreadsheet evaluates a cell that begins
    with =, +, - or @ (OWASP, CSV Injection).
    """
    if not isinstance(value, str):
        return value
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) else line


# ---------------------------------------------------------------- doctor


def doctor_lines(
    counted_with: CountedWith, config: Configuration, findings: Sequence[PartitionFinding]
) -> Iterator[str]:
    yield f"cluster {counted_with.cluster or '?'}"
    yield from _counted_lines(counted_with)
    if not counted_with.contain and counted_with.plug_ins:
        yield "  without PrologFlags=Contain a job's row is the sum of its steps"
    devices = {True: "yes", False: "no", None: "not stated"}[config.constrains_devices]
    yield (
        f"  ConstrainDevices: {devices}; TaskPlugin {', '.join(config.task_plug_ins) or '?'}; "
        f"accounts: {'yes' if config.keeps_accounts else 'no'}"
    )
    for finding in findings:
        yield ""
        boards = f", asked for {finding.boards_asked} GPU" if finding.boards_asked else ""
        yield f"partition {finding.partition} ({counted(finding.nodes, 'node')}{boards})"
        if finding.facts is None:
            yield f"  no answer: {finding.why}"
        else:
            yield from _facts_lines(finding.facts, finding.boards_asked)


def _facts_lines(facts: NodeFacts, boards_asked: int) -> Iterator[str]:
    user = "root, which reads more than a plain user" if facts.user_id == 0 else "a plain user"
    yield f"  {facts.node}, as {user}"
    yield f"  sensors that work: {', '.join(facts.works) or 'none'}"
    for component, state in dict.fromkeys(facts.parts):
        yield f"  {state:<9} {component}"
    for name, reason, remedy in facts.absent:
        yield f"  {name}: {reason} → {remedy}"
    clock = "not disciplined: nodes can only be compared by messages"
    if facts.clock_half_s is not None:
        clock = f"within {1000 * facts.clock_half_s:.1f} ms by the kernel (adjtimex)"
    yield f"  clock: {clock}"
    yield f"  srun --overlap: {'works' if facts.overlap else f'fails: {facts.overlap_why}'}"
    if facts.boards_present:
        hidden = "; the others are hidden" if facts.boards_read < facts.boards_present else ""
        yield (
            f"  GPUs: {facts.boards_present} on the node, {facts.boards_read} read by a job that "
            f"asked for {boards_asked}{hidden}"
        )
