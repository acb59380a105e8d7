"""`--steps` and `--to-iou`: settings by another name."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.cli.run import merged_settings
from energybench.errors import BadInput
from tests.cli.process import energybench, one_line


def test_an_option_is_its_setting_and_is_named_as_it_was_typed() -> None:
    settings, typed = merged_settings(
        ["lr=0.1"], {"steps": ("--steps", "20"), "iou": ("--to-iou", None)}
    )
    assert settings == {"lr": "0.1", "steps": "20"}
    assert typed == {"steps": "--steps 20"}


def test_said_twice_is_refused() -> None:
    with pytest.raises(BadInput, match=r"--steps 20: --set steps=30 says so already"):
        merged_settings(["steps=30"], {"steps": ("--steps", "20")})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("deepcam", "--to-iou", "2"), "--to-iou 2: not allowed"),
        (("dpsgd", "--steps", "0"), "--steps 0: not allowed"),
        (("sdpa", "--steps", "3"), "--steps 3: no such"),
    ],
)
def test_what_a_workload_does_not_take_names_the_option(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    ran = energybench("run", *arguments, "--idle", "0", cwd=tmp_path)
    assert ran.code == 2
    assert says in one_line(ran)
