"""A different label for every measurement of a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from energybench.model import Measurement
from energybench_reports.view.wording import plain

# A label with more settings, or with a longer value of a setting, is too long to read as a name.
_MOST_SETTINGS, _LONGEST_VALUE = 3, 24

Settings = dict[str, str]


def labels(measurements: Iterable[Measurement]) -> dict[str, str]:
    """Label by measurement id.

    Measurements with equal labels are distinguished by the settings that differ, or by number.
    """
    by_id = {measurement.id: measurement for measurement in measurements}
    groups: dict[str, list[Measurement]] = {}
    for measurement in by_id.values():
        label = plain(measurement.label) or plain(measurement.id) or "unnamed"
        groups.setdefault(label, []).append(measurement)
    unique = {
        measurement.id: name
        for label, group in groups.items()
        for measurement, name in zip(group, _distinguished(label, group), strict=True)
    }
    return {key: unique[key] for key in by_id}


def _distinguished(label: str, group: Sequence[Measurement]) -> list[str]:
    """The labels of a group of measurements, with settings or numbers as necessary."""
    settings = [_settings(measurement) for measurement in group]
    keys = _differing(settings)
    if not _short(keys, settings):
        keys = []
    names = [
        " ".join([label, *(f"{key}={values[key]}" for key in keys if key in values)])
        for values in settings
    ]
    return _numbered(names)


def _settings(measurement: Measurement) -> Settings:
    if measurement.workload is None:
        return {}
    workload = measurement.workload
    return {
        "size": workload.size,
        **{key: plain(value) for key, value in workload.settings.items()},
    }


def _differing(settings: Sequence[Settings]) -> list[str]:
    """The settings with several values among the measurements."""
    keys = dict.fromkeys(key for values in settings for key in values)
    return [key for key in keys if len({values.get(key) for values in settings}) > 1]


def _short(keys: Sequence[str], settings: Sequence[Settings]) -> bool:
    """Whether the settings are few and short enough for a label."""
    return len(keys) <= _MOST_SETTINGS and all(
        len(values.get(key, "")) <= _LONGEST_VALUE for values in settings for key in keys
    )


def _numbered(names: Sequence[str]) -> list[str]:
    """Repeated names get a number: 'CPU node (1)', 'CPU node (2)'."""
    totals, so_far = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        so_far[name] += 1
        numbered.append(f"{name} ({so_far[name]})" if totals[name] > 1 else name)
    return numbered
