"""Energies in the JSON of pytest-benchmark: one line per test, and one record of the session.

`extra_info.energybench` of a test is a JSON document in one string. As a list, the numbers would
take three times as many bytes, because pytest-benchmark writes every number of a list into a
separate indented line. Facts that most tests of a session share (machine, sensors, parts, quality)
stand once, in `energybench` at the top of the file; a test states a fact only if the fact differs.
The facts do not stand in `machine_info`, because pytest-benchmark warns of every difference in
`machine_info`.

Keys of the document of a test (only `v` is required):

    v              version of the document
    why            why there is no energy
    energy_j, power_w, time_s
                   [value, low, high] of one iteration, 95 % intervals
    components_j   {component: [value, low, high]} of one iteration
    iterations     iterations in a window; a list if the windows differ
    windows        number of measured windows, if neighbouring windows were joined, or if no energy
                   by windows shows their number
    windows_j      {component: [energy of one iteration in each window]}, measured components
    own_u_rel, shared_u_rel
                   as in records.Record
    doubts         codes of doubts

The name of the test is `fullname` of pytest-benchmark.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.gating.records import SCHEMA
from energybench.gating.sensor_errors import rounded

VERSION = 2
KEEP = "energybench_of_the_test"  # key for a value that the test wrote under KEY
KEY = "energybench"  # in the `extra_info` of a test, and at the top of the file

# Fields of a record that are equal for most tests of a session.
_FACTS = (
    *("quality", "boundary", "parts", "sensors"),
    *("host", "gpu_models", "driver", "session", "time_utc"),
)
# Significant digits: of values for people, as many as tables show; of the energy of a window, one
# part in 100,000, far below the scatter of any test.
_DIGITS_FOR_PEOPLE, _DIGITS_OF_WINDOW = 4, 5
# Most bytes that a test adds to a file, and bytes of keys, commas and indents around its numbers.
MOST_BYTES, _AROUND_BYTES = 990, 180
# taken at import: a test that is measured may have replaced json.dumps
_compact = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_from_text = json.JSONDecoder().decode
# Keys of a document for people only, not fields of a record.
_FOR_PEOPLE = ("v", "why", "power_w", "time_s", "components_j", "doubts")


def line(shown: Mapping[str, Any], record: Mapping[str, Any] | None) -> str:
    """The document of a test, with every fact.

    shown   values of _FOR_PEOPLE
    record  fields of a records.Record; None: without energy
    """
    fields = {k: v for k, v in (record or {}).items() if k not in ("schema", "name")}
    iterations = [int(n) if n == int(n) else n for n in fields.pop("iterations", ())]
    if iterations:
        alike = len(set(iterations)) == 1
        fields["iterations"] = iterations[0] if alike else iterations
        if alike and not fields.get("windows_j"):
            fields["windows"] = fields.get("windows") or len(iterations)
    if "windows_j" in fields:
        fields["windows_j"] = _rounded(fields["windows_j"], _DIGITS_OF_WINDOW)
    for_people = {key: shown[key] for key in _FOR_PEOPLE if key in shown}
    return _compact({"v": VERSION, **fields, **_rounded(for_people, _DIGITS_FOR_PEOPLE)})


def size(shown: Mapping[str, Any], record: Mapping[str, Any]) -> int:
    """Bytes that a test adds to a file with several tests, without the name of the test."""
    text = line(shown, {key: record[key] for key in record if key not in _FACTS})
    of_scalars = _compact(scalars(_rounded(dict(record), _DIGITS_FOR_PEOPLE)))
    return len(_compact(text)) + len(of_scalars) + _AROUND_BYTES


class Written(NamedTuple):
    """The document of an attempt at a test: a plug-in may run a test several times.

    test         full name of the test
    extra_info   the dictionary in pytest-benchmark's entry of the attempt
    text         the document
    no_baseline  why the energy is not a baseline, in words; None: the energy is a baseline
    """

    test: str
    extra_info: dict[str, Any]
    text: str
    no_baseline: str | None = None


def put(extra: dict[str, Any], own: str, ours: Collection[Any] = ()) -> bool:
    """Put the document of a test into its `extra_info`. A value that the test wrote there is kept
    under another name; whether there was one.

    ours  documents of other tests and attempts, which may share the dictionary
    """
    stated = extra.get(KEY, own)
    extra[KEY] = own
    if isinstance(stated, str) and (stated == own or stated in ours):
        return False
    extra[KEEP] = stated
    return True


def complete(document: dict[str, Any], written: Sequence[Written] = ()) -> list[str]:
    """Move the facts of the tests into one record of the session, and add the energies to the
    statistics. Changes a JSON of pytest-benchmark that is about to be written.

    written  the document of each attempt at each test
    Returns the tests that wrote a value of their own under the name of ours.
    """
    facts: dict[str, Any] = {}
    renamed: dict[str, None] = {}
    entries = Counter(test.get("fullname") for test in document["benchmarks"])
    by_name: dict[Any, list[Written]] = defaultdict(list)
    by_dictionary: dict[int, list[Written]] = defaultdict(list)
    for one in written:
        by_name[one.test].append(one)
        by_dictionary[id(one.extra_info)].append(one)
    texts = {one.text for one in written}
    for test in document["benchmarks"]:
        name = test.get("fullname")
        candidates = _candidates(
            test,
            by_dictionary[id(test.get("extra_info"))],
            by_name[name],
            is_only_entry=entries[name] == 1,
        )
        if candidates:
            extra = test["extra_info"] = dict(test.get("extra_info") or {})
            put(extra, _only_text(candidates), texts)
            if KEEP in extra:
                renamed[str(name)] = None
        own = _decoded((test.get("extra_info") or {}).get(KEY))
        if own is None or "energy_j" not in own:
            continue
        facts = facts or {"v": VERSION, **{key: own.get(key) for key in _FACTS}}
        # the time of the first test is that of the session
        differing = {key: own.get(key) for key in _FACTS[:-1] if own.get(key) != facts[key]}
        test.get("stats", {}).update(marked_scalars(own))
        own = {key: own[key] for key in own if key not in _FACTS} | differing
        test["extra_info"] = {**test["extra_info"], KEY: _compact(own)}
    if facts:
        document[KEY] = {key: value for key, value in facts.items() if value is not None}
    return list(renamed)


def _candidates(
    test: Mapping[str, Any],
    of_dictionary: Sequence[Written],
    of_name: Sequence[Written],
    *,
    is_only_entry: bool,
) -> Sequence[Written]:
    """The documents that may be that of an entry; empty: it has none.

    An entry holds the dictionary of its attempt, or a copy of it with the document inside if
    another plug-in changed the JSON. The name alone tells only if there was one attempt.

    of_dictionary  documents whose dictionary the entry holds
    of_name        documents of the test of this name
    is_only_entry  whether no other entry has this name
    """
    if of_dictionary:
        return [one for one in of_dictionary if one.test == test.get("fullname")] or of_dictionary
    stated = (test.get("extra_info") or {}).get(KEY)
    copied = [one for one in of_name if one.text == stated]
    if copied:
        return copied[:1]
    return of_name if is_only_entry and len(of_name) == 1 else ()


def _only_text(candidates: Sequence[Written]) -> str:
    """The document of an entry, or one that says why there is no energy."""
    one = candidates[0]
    if len(candidates) > 1:
        why = "several attempts share one extra_info: whose energy stands in it is not known"
    elif one.no_baseline is not None:
        why = f"{one.no_baseline}: its energy is no baseline"
    else:
        return one.text
    return _compact({"v": VERSION, "why": why})


def scalars(energies: Mapping[str, Any]) -> dict[str, float]:
    """Energy and both ends of the interval, by name; empty without energy, and if the test wrote a
    value of a different form under `energy_j`.
    """
    stated = energies.get("energy_j")
    if not isinstance(stated, list | tuple) or len(stated) != 3:
        return {}
    value, low, high = stated
    return {"energy_j": value, "energy_j_low": low, "energy_j_high": high}


def marked_scalars(energies: Mapping[str, Any]) -> dict[str, float | str]:
    """The scalars, and whether the energy is measured or estimated: an estimate without a mark
    would look like a measurement.
    """
    values: dict[str, float | str] = {**scalars(energies)}
    if values and isinstance(energies.get("quality"), str):
        values["energy_quality"] = energies["quality"]
    return values


def records(document: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Fields of the records of the tests with energy, in a JSON of pytest-benchmark.

    Raises BadInput for records of a different version.
    """
    facts = document.get(KEY, {})
    _check_version(facts, where, absent_is_fine=True)
    with_energy = []
    for test in document["benchmarks"]:
        extra = test.get("extra_info") if isinstance(test, dict) else None
        if not isinstance(extra, dict) or KEY not in extra:
            continue
        own = _decoded(extra[KEY])
        if own is None:
            continue
        _check_version(own, where)
        if "energy_j" in own:
            with_energy.append(_record({**facts, **own}, str(test.get("fullname", ""))))
    return with_energy


def unreadable(document: Mapping[str, Any]) -> list[str]:
    """Tests with something else than a document of energybench in its place."""
    return [
        str(test.get("fullname", ""))
        for test in document["benchmarks"]
        if isinstance(test, dict)
        and isinstance(extra := test.get("extra_info"), dict)
        and KEY in extra
        and _decoded(extra[KEY]) is None
    ]


def _record(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The fields of a record, from the fields of the session and of the test."""
    kept = {k: v for k, v in fields.items() if k not in _FOR_PEOPLE and v is not None}
    iterations = kept.get("iterations")
    if isinstance(iterations, int | float):
        windows_j = kept.get("windows_j")
        rows = windows_j.values() if isinstance(windows_j, dict) else ()
        lengths = [len(row) for row in rows if isinstance(row, list)]
        windows = kept.get("windows", 0)
        if lengths or not isinstance(windows, int):
            kept["iterations"] = [iterations] * max(lengths, default=1)
        else:  # without energies by windows: one stands for all, and without a number nobody knows
            kept["iterations"] = [iterations] * bool(windows)
    return {"schema": SCHEMA, "name": name, **kept}


def _decoded(value: Any) -> dict[str, Any] | None:
    """The document of a test, in any version; None: not a document of energybench."""
    try:
        document = _from_text(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return document if isinstance(document, dict) and "v" in document else None


def _check_version(value: Any, where: str, *, absent_is_fine: bool = False) -> None:
    version = value.get("v") if isinstance(value, dict) else None
    if version == VERSION or (absent_is_fine and not value):
        return
    number = version if isinstance(version, int) else "unknown"
    raise BadInput(
        where,
        f"holds energies of version {number}, and this energybench reads version {VERSION}",
        "compare files of one version",
    )


def _rounded(value: Any, digits: int) -> Any:
    """A document with rounded numbers."""
    if isinstance(value, dict):
        return {key: _rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item, digits) for item in value]
    return rounded(value, digits) if isinstance(value, float) else value
