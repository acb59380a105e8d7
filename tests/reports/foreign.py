"""Foreign text in every field of a document, and texts that formats stumble over."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from energybench.model import Document, Image, Logo
from tests.reports.samples import SAMPLES

LABELS = {
    "cjk": "計算ノード 节点 노드",
    "emoji": "🔋⚡ 👩‍🔬 run",
    "right to left": "عقدة الحوسبة צומת",
    "500 characters": "label " * 83 + "ab",
    "500 characters of one word": "w" * 500,
    "script": "<script>alert(1)</script>",
    "input": r"\input{/etc/passwd} \write18{id} $x^2$ 100% {a} #1 ~ & _",
    "import": '#import "/etc/passwd" #eval',
    "formula": "=cmd()|' /C calc'!A0",
    "minus": "-1+1",
    "newline and quotes": "one\r\ntwo \"three\" 'four', \\n five",
}


_kinds_of = functools.cache(get_type_hints)  # evaluates the annotations of a class


def with_texts(value: Any, kind: Any, change: Callable[[str], str]) -> Any:
    """A copy of a noun in which every text that is not from a closed list is changed.

    kind  type of the value, as the model declares it
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if isinstance(value, str):
        return change(value) if str in kinds else value
    if isinstance(value, msgspec.Struct):
        changes = {
            name: with_texts(getattr(value, name), field, change)
            for name, field in _kinds_of(type(value)).items()
            # a picture has to stay a picture
            if (type(value), name) not in ((Image, "png"), (Logo, "data"))
        }
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, dict):
        [(of_key, of_value)] = [get_args(entry) for entry in kinds if get_origin(entry) is dict]
        return {
            with_texts(key, of_key, change): with_texts(item, of_value, change)
            for key, item in value.items()
        }
    if isinstance(value, tuple):
        [items] = [get_args(entry) for entry in kinds if get_origin(entry) is tuple]
        if items[-1] is Ellipsis:
            items = (items[0],) * len(value)
        return tuple(with_texts(item, of, change) for item, of in zip(value, items, strict=True))
    return value


def labelled(sample: str, label: str) -> Document:
    """A sample in which every foreign text begins with the label."""
    document: Document = with_texts(
        SAMPLES[sample](), Document, lambda text: f"{label} {text}" if text else text
    )
    return document
