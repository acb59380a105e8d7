"""What sbatch answers."""

from __future__ import annotations

import pytest

from energybench.campaigns.submitting import job_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("71\n", "71"),
        ("71;perlmutter\n", "71"),
        ("Welcome to the 2 new nodes\n71\n", "71"),
        ("71\nbalance of your account: low\n", "71"),
        ("", None),
        ("sbatch: Job 71 to start at 2026-11-30\n", None),
    ],
)
def test_the_number_of_a_job(text: str, number: str | None) -> None:
    """Alone, with a cluster, and beside the words of a site's wrapper."""
    assert job_number(text) == number
