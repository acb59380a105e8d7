"""`energybench rank -- PROGRAM ARGS…`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput
from energybench.measuring.signals import Signals


def rank(
    program: Annotated[
        list[str] | None, typer.Argument(help="The rank's program and its arguments, after --.")
    ] = None,
    label: options.ProgramLabel = None,
    boundary: options.Boundary = "compute",
    out: options.Out = options.STORE,
    collector: options.Collector = None,
    root: options.Root = Path("/"),
) -> None:
    """Run a rank of a job; one reader on each node measures it.

    Start each rank with it: srun energybench rank -- PROGRAM. `measure --nodes job` is the better
    way wherever the cluster grants overlapping steps. The parts are merged afterwards by
    `energybench recover`. Without a launcher the program is a single rank, whose result is
    complete at once.
    """
    if not program:
        raise BadInput("rank", "names no program", "srun energybench rank -- PROGRAM")
    from energybench.cluster.rank_run import Rank, plan_of_rank

    name = label or Path(program[0]).name
    plan = plan_of_rank(
        out, name, common.boundary(boundary), tuple(collector or ()), common.folder(root), program
    )
    with Signals(pass_on=True) as signals:
        code = Rank(plan, signals).run(program)
    raise typer.Exit(code)
