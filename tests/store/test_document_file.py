"""Files that energybench printed: the kind of a value decides, and is itself foreign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from energybench.errors import BadInput
from energybench.store import reader

KINDS: list[Any] = [
    None,
    True,
    3,
    1.5,
    {},
    {"a": 1},
    [],
    ["measurement"],
    "",
    "nonsense",
    "x" * 9999,
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_of_any_type_is_refused_in_one_short_line(tmp_path: Path, kind: Any) -> None:
    """A `kind` that is a table, a list, a number or an unknown word is bad input, not an error."""
    for value in ({"kind": kind}, {"kind": "document", "results": [{"kind": kind}]}):
        path = tmp_path / "result.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        with pytest.raises(BadInput) as refused:
            reader.result(path)
        assert "kind" in str(refused.value)
        assert len(str(refused.value)) < 500


@pytest.mark.parametrize("value", [[], {}, "text", 3, None, True])
def test_a_value_without_a_kind_is_refused(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(BadInput, match="kind"):
        reader.result(path)
