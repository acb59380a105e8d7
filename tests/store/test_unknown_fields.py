"""Documents of a later energybench: added fields are passed over and named, and nothing else is."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, Literal

import pytest

from energybench.errors import BadInput, UnknownFields
from energybench.measuring.session import ranges
from energybench.model import SCHEMA, ChannelProfile, Doubt, Host, Noun
from energybench.store import layout, profiles, reader, unknown_fields
from energybench.store.study import StudyStore, read_study
from energybench.store.writer import RunWriter
from tests.reports import sample_study
from tests.store.filled_runs import fill, header


class Inner(Noun, frozen=True, kw_only=True):
    unit: Literal["J", "W"] = "J"
    value: float


class Circle(Noun, frozen=True, kw_only=True, tag_field="kind", tag="circle"):
    radius: float


class Square(Noun, frozen=True, kw_only=True, tag_field="kind", tag="square"):
    side: float


class Outer(Noun, frozen=True, kw_only=True):
    schema: str = SCHEMA
    items: tuple[Inner, ...] = ()
    pair: tuple[str, Inner] | None = None
    by_name: dict[str, Inner] = {}
    optional: Inner | None = None
    shapes: list[Circle | Square] = []
    settings: dict[str, str | int] = {}
    doubt: Doubt | None = None


def converted(value: dict[str, Any]) -> tuple[Outer, list[UnknownFields]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        noun = unknown_fields.convert({"schema": SCHEMA, **value}, Outer, "run.json")
    return noun, [warning.message for warning in caught]  # type: ignore[misc]


def test_known_fields_bring_no_warning() -> None:
    """A document of this version is read without a word; free settings are not fields."""
    noun, warned = converted({"items": [{"value": 1.0}], "settings": {"whatever": 1}})
    assert noun.items == (Inner(value=1.0),)
    assert noun.settings == {"whatever": 1}
    assert warned == []


@pytest.mark.parametrize(
    ("value", "expected", "field"),
    [
        ({"colour": 1}, Outer(), "colour"),
        ({"items": [{"value": 1, "spin": 2}]}, Outer(items=(Inner(value=1),)), "items[].spin"),
        (
            {"pair": ["a", {"value": 1, "spin": 2}]},
            Outer(pair=("a", Inner(value=1))),
            "pair[].spin",
        ),
        (
            {"by_name": {"cpu": {"value": 1, "spin": []}}},
            Outer(by_name={"cpu": Inner(value=1)}),
            "by_name[].spin",
        ),
        ({"optional": {"value": 1, "a": 0}}, Outer(optional=Inner(value=1)), "optional.a"),
        (
            {"shapes": [{"kind": "square", "side": 1, "radius": 2}]},
            Outer(shapes=[Square(side=1)]),
            "shapes[].radius",
        ),
    ],
)
def test_an_added_field_is_passed_over_and_named(
    value: dict[str, Any], expected: Outer, field: str
) -> None:
    """At the top, in a list, a tuple, a dictionary of structs, an optional struct, a tagged
    union.
    """
    noun, (warning,) = converted(value)
    assert noun == expected
    assert warning.places == ("run.json",)
    assert warning.fields == (field,)


def test_fields_are_named_once() -> None:
    """A hundred items with the same added field are one name, and the sentence says it all."""
    _, (warning,) = converted({"items": [{"value": 1, "spin": 2}] * 100, "colour": 1})
    assert str(warning) == (
        "run.json holds fields that this version does not know: items[].spin, colour; "
        "written by a later energybench?"
    )


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"colour": 1, "items": [{"value": "much"}]}, "items[0].value"),
        ({"colour": 1, "items": [{"spin": 1}]}, "items[0]"),
        ({"colour": 1, "items": [{"value": 1, "unit": "cal"}]}, "items[0].unit"),
        ({"doubt": {"code": "sunspots", "message": "m", "remedy": "r"}}, "doubt.code"),
        ({"colour": 1, "items": {"value": 1}}, "items"),
        ({"colour": 1, "items": [{"value": float("inf")}]}, "items[0]"),
        ({"shapes": [{"kind": "star", "side": 1}]}, "shapes[0].kind"),
    ],
)
def test_only_fields_may_be_new(value: dict[str, Any], where: str) -> None:
    """Types, missing fields, enumeration values, infinities and tags are refused with their place,
    whatever else the document holds; a refused document brings no warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadInput) as error:
            unknown_fields.convert({"schema": SCHEMA, **value}, Outer, "run.json")
    assert error.value.where == f"run.json: {where}"
    assert "a later energybench wrote it" in error.value.remedy


@pytest.mark.parametrize("schema", [None, "energybench/2"])
def test_another_schema_is_refused(schema: str | None) -> None:
    """Fields of another schema may mean something else."""
    value = {"schema": schema, "colour": 1}
    with pytest.raises(BadInput, match="schema"):
        unknown_fields.convert({key: value[key] for key in value if value[key]}, Outer, "run.json")


def test_several_documents_are_one_sentence() -> None:
    assert str(UnknownFields(("a/run.json", "b/run.json", "c/run.json"), ("spin",))) == (
        "a/run.json and 2 more hold fields that this version does not know: spin; "
        "written by a later energybench?"
    )


def later(path: Path, change: Any) -> None:
    """Edit a JSON document as a later version would have written it."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_a_run_of_a_later_version_reads_and_recovers(tmp_path: Path) -> None:
    """run.json, header.json, lines of windows.jsonl, and the header inside samples.parquet."""
    with RunWriter(tmp_path, header()) as writer:
        fill(writer)
        partial = writer.directory
    later(partial / layout.HEADER, lambda value: value["host"].update(bmc="x"))
    with (partial / layout.WINDOWS).open("a") as lines:
        lines.write('{"power_cap": {"watts": 200}}\n')
    with pytest.warns(UnknownFields) as warned:
        directory, measured = reader.recover(str(partial), ranges())
    named = {field for warning in warned for field in warning.message.fields}  # type: ignore[union-attr]
    assert named == {"host.bmc", "power_cap"}
    later(directory / layout.RUN, lambda value: value["repeats"][0].update(spin=1))
    with pytest.warns(UnknownFields, match=r"repeats\[\]\.spin") as warned:
        assert reader.read_run(directory) == measured
    assert str(directory / layout.RUN) in str(warned[0].message)


def test_a_profile_is_read_but_not_replaced(tmp_path: Path) -> None:
    """Saving into a file of a later version would lose its fields: refused, before the load is
    driven too; files of other hosts do not matter.
    """
    profile = ChannelProfile(
        channel="c",
        device="d",
        host="node1",
        host_ids=("machine:m1",),
        window_s=0.0,
        made_utc="2026",
    )
    (path,) = profiles.save([profile], tmp_path)
    later(path, lambda value: value["channels"][0].update(hysteresis_s=1.0))
    text = path.read_text()
    with pytest.warns(UnknownFields, match=r"channels\[\]\.hysteresis_s"):
        assert profiles.read(tmp_path) == (profile,)
    profiles.check_replaceable(tmp_path, Host(name="node1", ids=("machine:m2",)))
    for call in (
        lambda: profiles.save([profile], tmp_path),
        lambda: profiles.check_replaceable(tmp_path, Host(name="job", ids=("machine:m1",))),
    ):
        with pytest.raises(BadInput, match=r"would lose: channels\[\]\.hysteresis_s"):
            call()
    assert path.read_text() == text


def test_a_study_is_read_but_not_gone_on_with(tmp_path: Path) -> None:
    """The index is replaced after every cell, which would lose the fields of a later version."""
    store = StudyStore(tmp_path / "study")
    store.save(sample_study.study())
    assert store.earlier() == sample_study.study()
    later(store.directory / layout.INDEX, lambda value: value["plan"].update(shade="dark"))
    with pytest.warns(UnknownFields, match=r"plan\.shade"):
        assert read_study(store.directory) == sample_study.study()
    with pytest.raises(BadInput, match=r"would lose: plan\.shade"):
        store.earlier()
