"""Several variants or devices in a `run`: interleaved, shown with results, and compared with the
first.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import typer

from energybench.cli import common
from energybench.errors import BadInput, Refused
from energybench.measuring.plan import Blocks

if TYPE_CHECKING:
    from energybench.measuring.interleaved import Together
    from energybench.measuring.plan import Plan, Progress, Request
    from energybench.measuring.signals import Signals
    from energybench.model import Comparison, Measurement


class VariantChoice(NamedTuple):
    """A variant.

    device    cpu, cuda, cuda:N or node
    settings  settings of the workload by key
    words     name of the variant, in labels
    typed     by key, the --variant option that the setting came by, as it was typed
    """

    device: str
    settings: dict[str, str]
    words: str
    typed: Mapping[str, str] = MappingProxyType({})


def choices(
    devices: Sequence[str],
    base: Mapping[str, str],
    variants: Sequence[str],
    secret: Collection[str] = (),
) -> list[VariantChoice]:
    """Devices x variants, in the order given; a variant's settings lie on top of `base`.

    secret  settings whose values are no part of a label
    Raises BadInput.
    """
    from energybench.store.secrets import without_secret_settings

    chosen: list[VariantChoice] = []
    for device, variant in itertools.product(devices, variants or [""]):
        changes = pairs(variant.split(","), f"--variant {variant}") if variant else {}
        shown = without_secret_settings(changes, secret)
        words = " ".join([device, *(f"{key}={value}" for key, value in shown.items())])
        same = sum(choice.words.split(" #")[0] == words for choice in chosen)
        chosen.append(
            VariantChoice(
                device=device,
                settings={**base, **changes},
                words=f"{words} #{same + 1}" if same else words,
                typed=dict.fromkeys(changes, f"--variant {variant}"),
            )
        )
    return chosen


def pairs(settings: Sequence[str], option: str | None = None) -> dict[str, str]:
    """KEY=VALUE options as a mapping. Raises BadInput."""
    values: dict[str, str] = {}
    for entry in settings:
        key, equals, value = entry.partition("=")
        where = option or f"--set {entry}"
        if not equals or not key.strip():
            raise BadInput(where, f"{entry!r} is not KEY=VALUE" if option else "is not KEY=VALUE")
        if key.strip() in values:
            raise BadInput(
                where, f"{key.strip()} was set already", "once; a study takes lists: --set KEY=A,B"
            )
        values[key.strip()] = value
    return values


def execute(variants: Sequence[tuple[Plan, Request]], blocks: Blocks) -> tuple[Together, bool]:
    """Run variants interleaved. The second value tells whether a signal came."""

    def in_turns(signals: Signals, update: Progress) -> Together:
        from energybench.measuring.interleaved import run_interleaved

        return run_interleaved(variants, blocks, signals, update)

    together, signalled = common.watched("", in_turns)
    for line in together.failures:
        common.say(f"energybench: {line}")
    return together, signalled


def compared(results: Sequence[Measurement]) -> list[Comparison]:
    """Compare every result with the first. A refusal to compare is a line on stderr."""
    from energybench.analysis.comparison.compare import compare

    comparisons = []
    for result in results[1:]:
        try:
            comparisons.append(compare(results[0], result, force=True))
        except Refused as why:
            common.say(f"energybench: not compared: {why}")
    return comparisons


def show(title: str, together: Together, json: bool) -> NoReturn:
    """Show results and comparisons, as JSON on stdout or as text, and end with the exit code."""
    from energybench.cli import doubt_lines, summary
    from energybench.store.digests import of_stored
    from energybench.store.document import document, timeline

    outcomes = [outcome for outcome in together.outcomes if outcome is not None]
    results = [outcome.measurement for outcome in outcomes]
    directories = {outcome.measurement.id: outcome.directory for outcome in outcomes}
    comparisons = of_stored(compared(results), directories)
    if json:
        timelines = [timeline(outcome.directory, outcome.measurement) for outcome in outcomes]
        common.print_json(document(title, [*comparisons, *results], timelines, together.failures))
    else:
        blocks = [
            *(summary.measurement(result) for result in results),
            *(summary.comparison(comparison) for comparison in comparisons),
        ]
        last = doubt_lines.explained(
            *(result.doubts for result in results),
            *(comparison.doubts for comparison in comparisons),
        )
        print("\n".join(["\n\n".join(blocks), *last]), file=sys.stdout)
    for outcome in outcomes:
        common.say(f"  written to {outcome.directory}")
    raise typer.Exit(together.code)
