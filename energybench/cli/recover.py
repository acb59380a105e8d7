"""`energybench recover RUN`"""

from __future__ import annotations

from typing import Annotated

import typer

from energybench.cli import common, options


def recover(
    run: Annotated[
        str,
        typer.Argument(
            help="An unfinished run's directory (.partial-…), or the store that holds one."
        ),
    ],
    json: options.Json = False,
) -> None:
    """Complete a run that was killed, from the samples on disk."""
    from energybench.cli import summary
    from energybench.measuring.session import ranges
    from energybench.store import reader

    directory, result = reader.recover(run, ranges())
    if json:
        common.print_json(result)
    else:
        print("\n".join([summary.measurement(result), *summary.explained(result.doubts)]))
    common.say(f"  written to {directory}")
