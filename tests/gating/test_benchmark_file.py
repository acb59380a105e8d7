"""Energies in the JSON of pytest-benchmark: small, whole, and of a stated version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from energybench.errors import BadInput, UnknownFields
from energybench.gating import benchmark_file
from energybench.gating.benchmark_file import KEY, VERSION, Written
from energybench.gating.compare import compare_saved
from energybench.gating.record_files import read_session
from energybench.gating.records import Record, record
from energybench.gating.sensor_errors import rounded
from energybench.model import Measurement
from energybench.pytest_plugin.measuring import fit
from energybench.pytest_plugin.record import of_measurement
from tests.gating.samples import measured

# Lengths as they are on real nodes: UUIDs, model names, and energies of a function of 1 µs.
BOARD = "GPU-8f2b6c1e-5a3d-4c9f-9e7a-1b2c3d4e5f60"
MODEL = "NVIDIA H100 80GB HBM3"
CALLS = 1_234_567.0
ODD_FACTORS = (1.0034567, 0.9912345, 1.0087654, 0.9954321, 1.0123456)
IDENTITIES = ("stated:runner-1.example.org", "dmi:00112233aabbccdd", "boot:0011223344556677")


def node(factors: Sequence[float] = ODD_FACTORS, **changes: Any) -> Measurement:
    """Package, memory, and a board: three parts; with `unused_gpu_w` four."""
    whole = measured(
        factors,
        **{"gpu_w": (312.3456,), "iterations": CALLS, "ids": IDENTITIES, "host": BOARD, **changes},
    )
    gpus = tuple(
        msgspec.structs.replace(gpu, name=MODEL, driver="550.54.15") for gpu in whole.host.gpus
    )
    host = msgspec.structs.replace(
        whole.host, name="runner-1", gpus=gpus, started_utc="2026-11-29T08:17:58.792+00:00"
    )
    return msgspec.structs.replace(whole, host=host)


def entry(measurement: Measurement, name: str) -> tuple[Record, dict[str, Any]]:
    """The gate's record, and the entry of a test as pytest-benchmark has it before the file."""
    of_gate = record(measurement, name, session="0123456789abcdef")
    shown = of_measurement({"test": name, "label": ""}, measurement)
    shown["doubts"] = ["part-missing", "stuck-sensor"]
    shown["ci"] = msgspec.to_builtins(of_gate)
    fit(shown)
    text = benchmark_file.line(shown, shown["ci"])
    return msgspec.convert(shown["ci"], Record), {
        "fullname": name,
        "extra_info": {KEY: text},
        "stats": {"min": 1.0},
    }


def five_digits(some: Record) -> Record:
    """The record with the energies of its windows as the file has them."""
    windows_j = {
        name: tuple(rounded(cell, 5) for cell in cells) for name, cells in some.windows_j.items()
    }
    return msgspec.structs.replace(some, windows_j=windows_j)


def document(*measurements: Measurement) -> tuple[tuple[Record, ...], dict[str, Any]]:
    """The records, and the JSON as the plugin writes it."""
    pairs = [
        entry(one, f"tests/test_{i}.py::test_it[n-1000]") for i, one in enumerate(measurements)
    ]
    whole = {"version": "5.3.1", "machine_info": {}, "benchmarks": [test for _, test in pairs]}
    benchmark_file.complete(whole, {})
    return tuple(some for some, _ in pairs), whole


@pytest.mark.parametrize("unused_gpu_w", [(), (61.2345,)], ids=["three parts", "four parts"])
def test_a_test_takes_less_than_a_kilobyte_of_the_file(unused_gpu_w: tuple[float, ...]) -> None:
    """Bytes of the file as pytest-benchmark writes it, indented, with the energies among the
    statistics.
    """
    loads = (
        node(unused_gpu_w=unused_gpu_w),
        node(unused_gpu_w=unused_gpu_w, package_w=71.2345, gpu_w=(87.6543,)),
    )
    _, whole = document(*loads)
    assert len(json.loads(whole["benchmarks"][0]["extra_info"][KEY])["components_j"]) == 3 + len(
        unused_gpu_w
    )
    bare = [{**test, "extra_info": {}, "stats": {"min": 1.0}} for test in whole["benchmarks"]]
    with_energy, without = (
        len(json.dumps({"benchmarks": tests}, ensure_ascii=True, indent=4))
        for tests in (whole["benchmarks"], bare)
    )
    assert (with_energy - without) / 2 < 1000


def test_nothing_of_a_record_is_lost(tmp_path: Path) -> None:
    """Facts stand once, and a test whose facts differ states its own: the records that are read
    are those that were written, to five digits of the energy of a window.
    """
    estimated = node(quality="estimated")
    without_board = node(gpu_w=())
    written, whole = document(node(), without_board, estimated, node())
    (tmp_path / "a.json").write_text(json.dumps(whole))
    assert read_session(tmp_path / "a.json").tests == tuple(map(five_digits, written))
    texts = [test["extra_info"][KEY] for test in whole["benchmarks"]]
    assert [MODEL in text for text in texts] == [False] * 4
    assert ["gpu_models" in text for text in texts] == [False, True, False, False]
    assert whole[KEY]["gpu_models"] == [MODEL]


def test_energies_stand_beside_the_times() -> None:
    (written,), whole = document(node())
    (test,) = whole["benchmarks"]
    stats = test["stats"]
    assert written.energy_j == (stats["energy_j"], stats["energy_j_low"], stats["energy_j_high"])
    assert stats["min"] == 1.0


def test_words_of_others_are_left_alone() -> None:
    """A test that was not measured, and one with extra information of its own under our name."""
    _, unmeasured = entry(node(), "t")
    unmeasured["extra_info"] = {KEY: benchmark_file.line({"why": "no sensor"}, None)}
    foreign = {"fullname": "f", "extra_info": {KEY: "text of the user"}, "stats": {}}
    whole = {"benchmarks": [unmeasured, foreign, {"fullname": "n", "extra_info": {}, "stats": {}}]}
    before = json.dumps(whole)
    benchmark_file.complete(whole, {})
    assert json.dumps(whole) == before


def later(value: dict[str, Any], version: int) -> dict[str, Any]:
    """The JSON as another version would write it."""
    value = json.loads(json.dumps(value))
    value[KEY]["v"] = version
    for test in value["benchmarks"]:
        own = json.loads(test["extra_info"][KEY])
        test["extra_info"][KEY] = json.dumps({**own, "v": version})
    return value


def first_version(value: dict[str, Any]) -> dict[str, Any]:
    """The JSON of version 1: two objects in each test, nothing at the top."""
    tests = [
        {**test, "extra_info": {KEY: {"v": 1, "energy_j": [1, 1, 1]}, "energybench_ci": {}}}
        for test in value["benchmarks"]
    ]
    return {key: item for key, item in value.items() if key != KEY} | {"benchmarks": tests}


@pytest.mark.parametrize("version", [1, VERSION + 1])
def test_another_version_is_refused_in_one_line(version: int, tmp_path: Path) -> None:
    _, whole = document(node())
    changed = first_version(whole) if version == 1 else later(whole, version)
    (tmp_path / "a.json").write_text(json.dumps(changed))
    with pytest.raises(BadInput, match=f"of version {version}, and this energybench reads") as no:
        read_session(tmp_path / "a.json")
    assert "\n" not in str(no.value)


def test_new_fields_of_the_same_version_are_passed_over(tmp_path: Path) -> None:
    """Of a test, and of the session."""
    written, whole = document(node())
    whole[KEY]["rack"] = 3
    own = json.loads(whole["benchmarks"][0]["extra_info"][KEY])
    whole["benchmarks"][0]["extra_info"][KEY] = json.dumps({**own, "carbon_g": 1.0})
    (tmp_path / "a.json").write_text(json.dumps(whole))
    with pytest.warns(UnknownFields) as notes:
        assert read_session(tmp_path / "a.json").tests == tuple(map(five_digits, written))
    assert len(notes) == 1


ODD = (None, 5, -1.5, "x", True, [], [5], [None], [[1]], {}, {"a": None}, {"a": [None]}, {"a": {}})


@pytest.mark.filterwarnings("ignore::energybench.errors.UnknownFields")
@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
def test_an_odd_value_of_any_field_is_one_line_or_a_baseline(odd: Any, tmp_path: Path) -> None:
    """Of a test, and of the session: refused in one line, or compared without an error."""
    (written,), whole = document(node())
    now = msgspec.structs.replace(written, session="now")
    own = json.loads(whole["benchmarks"][0]["extra_info"][KEY])
    for place, fields in (("test", own), ("session", whole[KEY])):
        for key in fields:
            changed = json.loads(json.dumps(whole))
            if place == "session":
                changed[KEY][key] = odd
            else:
                changed["benchmarks"][0]["extra_info"][KEY] = json.dumps({**own, key: odd})
            (tmp_path / "a.json").write_text(json.dumps(changed))
            try:
                saved = read_session(tmp_path / "a.json").tests
                line = compare_saved(saved, now, 0.05).line
            except BadInput as error:
                line = str(error)
            assert "\n" not in line


@pytest.mark.parametrize("energy", ODD, ids=json.dumps)
def test_what_a_test_wrote_under_our_name_stops_no_session(energy: Any) -> None:
    """A document of our version with something else in the place of the energy."""
    written = json.dumps({"v": VERSION, "energy_j": energy})
    test = {"fullname": "f", "extra_info": {KEY: written}, "stats": {"min": 1.0}}
    benchmark_file.complete({"benchmarks": [test]}, {})
    assert test["stats"] == {"min": 1.0}


@pytest.mark.parametrize("value", ["text", 3, [], {}, None, '{"energy_j": [1, 1, 1]}'])
def test_words_that_are_not_ours_are_no_energy(value: Any, tmp_path: Path) -> None:
    whole = {"benchmarks": [{"fullname": "a", "extra_info": {KEY: value}}]}
    (tmp_path / "a.json").write_text(json.dumps(whole))
    with pytest.raises(BadInput, match="no energy of any test") as no:
        read_session(tmp_path / "a.json")
    assert "\n" not in str(no.value)


def text_of(joules: float) -> str:
    return json.dumps({"v": VERSION, "energy_j": [joules, joules, joules]})


def pytest_entry(name: str, extra: dict[str, Any]) -> dict[str, Any]:
    """As pytest-benchmark makes one: with the dictionary of the fixture."""
    return {"fullname": name, "extra_info": extra, "stats": {}}


@pytest.mark.parametrize("copies", [False, True])
def test_each_attempt_has_its_own_text_of(copies: bool) -> None:
    """Also if another plug-in copied the entries, or sorted them."""
    extras = [{KEY: text_of(joules)} for joules in (1.0, 2.0)]
    written = [Written("f", extra, extra[KEY]) for extra in extras]
    tests = [pytest_entry("f", dict(extra) if copies else extra) for extra in reversed(extras)]
    assert benchmark_file.complete({"benchmarks": tests}, written) == []
    assert [test["stats"]["energy_j"] for test in tests] == [2.0, 1.0]
    assert all(set(test["extra_info"]) == {KEY} for test in tests)


def test_an_entry_of_an_unknown_attempt_has_no_energy() -> None:
    """A copy without the document; of a single attempt the name tells whose entry it is."""
    extra = {KEY: text_of(1.0)}
    one = Written("f", extra, extra[KEY])
    for tests, energies_j in (
        ([pytest_entry("f", {})], [1.0]),
        ([pytest_entry("f", {}), pytest_entry("f", extra)], [None, 1.0]),
    ):
        benchmark_file.complete({"benchmarks": tests}, [one])
        assert [test["stats"].get("energy_j") for test in tests] == energies_j


def test_attempts_that_share_a_dictionary_have_no_energy_but_other_tests_do() -> None:
    """A test may give the same dictionary to all of its attempts, and to other tests."""
    shared: dict[str, Any] = {}
    texts = [text_of(joules) for joules in (1.0, 2.0, 3.0)]
    for text in texts:
        assert not benchmark_file.put(shared, text, texts)
    written = [Written(name, shared, text) for name, text in zip("ffg", texts, strict=True)]
    tests = [pytest_entry(name, shared) for name in "ffg"]
    assert benchmark_file.complete({"benchmarks": tests}, written) == []
    assert [test["stats"].get("energy_j") for test in tests] == [None, None, 3.0]
    assert "why" in json.loads(tests[0]["extra_info"][KEY])
