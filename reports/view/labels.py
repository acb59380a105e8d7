"""What each measurement of a document is called, so that no two read the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from energybench.model import Measurement
from energybench_reports.view.wording import plain

_KEYS, _LONGEST = 3, 24  # settings that still read as a name, and characters of a value


def labels(measurements: Iterable[Measurement]) -> dict[str, str]:
    """Display label by measurement id.

    Those that would read the same are told apart by the settings that differ, or by number.
    """
    given = {one.id: one for one in measurements}
    groups: dict[str, list[Measurement]] = {}
    for one in given.values():
        groups.setdefault(plain(one.label) or plain(one.id) or "unnamed", []).append(one)
    made = {
        one.id: text
        for label, group in groups.items()
        for one, text in zip(group, _told_apart(label, group), strict=True)
    }
    return {key: made[key] for key in given}


def _told_apart(label: str, group: Sequence[Measurement]) -> list[str]:
    told = [_said(one) for one in group]
    keys = [
        key
        for key in dict.fromkeys(key for said in told for key in said)
        if len({said.get(key) for said in told}) > 1
    ]
    short = 0 < len(keys) <= _KEYS and all(
        len(said.get(key, "")) <= _LONGEST for said in told for key in keys
    )
    names = [
        " ".join([label, *(f"{key}={said[key]}" for key in keys if key in said)])
        if short
        else label
        for said in told
    ]
    many, seen = Counter(names), Counter[str]()
    for number, name in enumerate(names):
        seen[name] += 1
        names[number] = f"{name} ({seen[name]})" if many[name] > 1 else name
    return names


def _said(one: Measurement) -> dict[str, str]:
    if one.workload is None:
        return {}
    return {
        "size": one.workload.size,
        **{key: plain(value) for key, value in one.workload.settings.items()},
    }
