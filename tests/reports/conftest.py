"""Golden files: the text of every report, as last read and approved.

`pytest --update-golden` writes them anew; read the diff.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], str]:
    """The golden text of a name; with --update-golden the actual text becomes the golden text."""

    def expected(name: str, actual: str) -> str:
        file = GOLDEN / name
        if request.config.getoption("--update-golden"):
            file.write_bytes(actual.encode())
        assert file.exists(), (
            f"no golden file {name}: run pytest --update-golden and read what it wrote"
        )
        return file.read_bytes().decode()

    return expected
