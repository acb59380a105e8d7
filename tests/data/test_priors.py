"""data/priors.toml: every table is read, and an incomplete row is refused with its name."""

from __future__ import annotations

from importlib.resources import files

import pytest

from energybench.data import part_ranges, priors
from energybench.errors import BadInput

OWN = files("energybench.data").joinpath("priors.toml").read_text("utf-8")
HWMON = '[hwmon.power]\nu_rel = 0.1\ndistribution = "normal"\nsource = "judged"\n'


def test_a_new_family_is_found() -> None:
    """A table that a new collector adds is a prior, with no list of families to extend."""
    rows = priors(OWN + HWMON)
    assert rows["hwmon.power"].u_rel == 0.1
    assert set(rows) == {*priors(), "hwmon.power"}


def test_parts_are_ranges_and_not_priors() -> None:
    assert not [name for name in priors() if name.startswith("parts.")]
    assert part_ranges()["gpu_w"].high == 1000.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HWMON.replace("u_rel = 0.1\n", ""), "hwmon.power]: lacks u_rel"),
        (HWMON.replace("0.1", "-1"), "hwmon.power]: u_rel is -1"),
        (HWMON.replace("normal", "gauss"), "hwmon.power]: distribution is 'gauss'"),
        ("[hwmon]\npower = 3\n", "hwmon.power]: lacks u_rel, distribution, source"),
    ],
)
def test_an_incomplete_row_is_refused_by_its_name(text: str, words: str) -> None:
    with pytest.raises(BadInput) as error:
        priors(text)
    assert words in str(error.value)
