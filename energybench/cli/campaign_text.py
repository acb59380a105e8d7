"""The results of a campaign as rows of a terminal."""

from __future__ import annotations

from energybench.campaigns.collecting import CampaignResult
from energybench.campaigns.table_rows import mean_rows, node_rows, ratio_row, table_rows
from energybench.cli import summary
from energybench.model import is_of_recording
from energybench.units import show


def text(result: CampaignResult) -> list[str]:
    """Tables first, then comparisons, means and projections; what is missing comes last."""
    rows = [result.title]
    if result.about:
        rows.append(f"  {result.about}")
    for table in result.tables:
        rows += ["", *table_rows(table)]
    for difference in result.nodes:
        rows += ["", *node_rows(difference)]
    for comparison in result.comparisons:
        rows += ["", *summary.comparison(comparison).splitlines()]
    rows += [ratio_row(ratio) for ratio in result.node_ratios]
    if means := mean_rows(result):
        rows += ["", *means]
    for projection in result.projections:
        saved = show(projection.saved_mwh_per_month, "MWh")
        rows += ["", f"{projection.title}: saved a month {saved}"]
        rows += [
            f"  {claim.name}: claimed {claim.claimed:g} {claim.unit}".rstrip()
            + f", {summary.claim_verdict(claim, replayed=is_of_recording(claim, projection))}"
            for claim in projection.claims
        ]
    rows += [""] if result.missing or result.unfinished or result.refused else []
    rows += [f"not compared: {reason}" for reason in result.refused]
    rows += [f"{run.state}: {run}" for run in result.unfinished]
    if result.missing:
        rows.append(f"not measured yet: {', '.join(result.missing)}")
    return rows
