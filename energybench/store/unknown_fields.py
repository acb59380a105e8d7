"""Documents of a later energybench: unknown fields are passed over, with a warning that names file
and fields.

Later versions of a schema add fields and never change the meaning of a field (docs/decisions/004),
so a reader may go on without the added fields. Only fields may be new: a wrong type, an unknown
enumeration value, a missing field and another schema are refused as in `strict`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, TypeVar

import msgspec
from msgspec import inspect

from energybench.errors import BadInput, UnknownFields
from energybench.store import strict

T = TypeVar("T")


def convert(value: Any, kind: type[T], where: str) -> T:
    """The value as a noun; unknown fields are passed over with a warning (`UnknownFields`).

    Raises BadInput for any other mistake, as `strict.convert` does.
    """
    noun, unknown = known(value, kind, where)
    if unknown is not None:
        warnings.warn(unknown, stacklevel=2)
    return noun


def known(value: Any, kind: type[T], where: str) -> tuple[T, UnknownFields | None]:
    """The value as a noun, and the warning about unknown fields that were passed over, for the
    caller to show: a program that runs the user's code must not warn in the name of that code.

    Raises BadInput as `convert` does.
    """
    strict.check_schema(value, kind, where)
    try:
        return msgspec.convert(value, kind), None
    except msgspec.ValidationError as error:
        reduced, fields = without_unknown(value, kind)
        if not fields:
            raise strict.misfit(error, where) from None
    return strict.convert(reduced, kind, where), UnknownFields((where,), fields)


@contextmanager
def collected() -> Iterator[list[UnknownFields]]:
    """Collect the warnings about unknown fields in a list; other warnings are shown as before."""
    notes: list[UnknownFields] = []

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if isinstance(message, UnknownFields):
            notes.append(message)
        else:
            show_others(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownFields)
        show_others, warnings.showwarning = warnings.showwarning, show
        yield notes


def refuse(value: Any, kind: type[Any], where: str, remedy: str) -> None:
    """Raise BadInput if a document holds unknown fields: replacing the file would lose them."""
    _, fields = without_unknown(value, kind)
    if fields:
        raise BadInput(
            where, f"holds fields that this version would lose: {', '.join(fields)}", remedy
        )


def without_unknown(value: Any, kind: type[Any]) -> tuple[Any, tuple[str, ...]]:
    """A copy of the value without unknown fields, and the names of the unknown fields."""
    unknown: dict[str, None] = {}
    return _known_part(value, inspect.type_info(kind), "", unknown), tuple(unknown)


def _known_part(value: Any, node: inspect.Type, place: str, unknown: dict[str, None]) -> Any:
    """The value without unknown fields, down the tree of types; `unknown` collects the names.

    A value of the wrong type is left alone: the conversion will refuse the value with its place.
    """
    branch = _branch(value, node)
    items = f"{place.removesuffix('.')}[]."
    if isinstance(branch, inspect.StructType):
        return _known_fields(value, branch, place, unknown)
    if isinstance(branch, inspect.DictType):
        return {
            key: _known_part(item, branch.value_type, items, unknown) for key, item in value.items()
        }
    if isinstance(branch, inspect.CollectionType):
        return [_known_part(item, branch.item_type, items, unknown) for item in value]
    if isinstance(branch, inspect.TupleType) and len(branch.item_types) == len(value):
        pairs = zip(value, branch.item_types, strict=True)
        return [_known_part(item, item_node, items, unknown) for item, item_node in pairs]
    return value


def _known_fields(
    value: dict[str, Any], node: inspect.StructType, place: str, unknown: dict[str, None]
) -> dict[str, Any]:
    types = {field.encode_name: field.type for field in node.fields}
    fields = {}
    for key, item in value.items():
        if key in types:
            fields[key] = _known_part(item, types[key], f"{place}{key}.", unknown)
        elif key == node.tag_field:
            fields[key] = item
        else:
            unknown[place + key] = None
    return fields


def _branch(value: Any, node: inspect.Type) -> inspect.Type | None:
    """The type of the value: of a union, the first alternative of the value's JSON type (and tag).

    None if no alternative fits, or the type has no fields inside.
    """
    if isinstance(node, inspect.Metadata):
        return _branch(value, node.type)
    if isinstance(node, inspect.UnionType):
        branches = (_branch(value, alternative) for alternative in node.types)
        return next((branch for branch in branches if branch is not None), None)
    if isinstance(node, inspect.StructType):
        fits = isinstance(value, dict) and (
            node.tag_field is None or value.get(node.tag_field, node.tag) == node.tag
        )
        return node if fits else None
    if isinstance(node, inspect.DictType):
        return node if isinstance(value, dict) else None
    if isinstance(node, inspect.CollectionType | inspect.TupleType):
        return node if isinstance(value, list | tuple) else None
    return None
