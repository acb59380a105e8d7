"""The table of energies, below the table of times.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from energybench.pytest_plugin.record import Record, is_estimated

# A longer name stands in a line of its own: it would make every line of the table as long.
_LONGEST_NAME = 100  # characters
_HEAD = ("Name", "Energy", "Interval", "Power", "Parts", "Windows")


def lines(records: Sequence[Record]) -> list[str]:
    """The lines of the table, by group: in the order of their names, as in the table of times."""
    text: list[str] = []
    for group in sorted({record.get("group") for record in records}, key=lambda name: name or ""):
        members = [record for record in records if record.get("group") == group]
        if group is not None:
            text.append(f"group {group}:")
        text += _group(members)
    return text


def _group(records: Sequence[Record]) -> list[str]:
    names = _names(records)
    measured = [record for record in records if "energy_j" in record]
    rows = [_HEAD, *(_cells(names[_key(record)], record) for record in measured)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    text = [_line(rows[0], widths)] if measured else []
    body = iter(rows[1:])
    for record in records:
        if "energy_j" not in record:
            text.append(f"{names[_key(record)]}: not measured: {record['why']}")
        else:
            if len(names[_key(record)]) > _LONGEST_NAME:
                text.append(names[_key(record)])
            text.append(_line(next(body), widths))
        text += [f"    {remark}" for remark in remarks(record)]
    return text


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((first, *others))


def _key(record: Record) -> tuple[str, str]:
    return record["test"], record["label"]


def _names(records: Sequence[Record]) -> dict[tuple[str, str], str]:
    """Names as short as they are unlike: of the function, or else the whole node id."""
    shorts = [record["test"].split("::", 1)[-1] for record in records]
    tests = {record["test"] for record in records}
    unique = len(set(shorts)) == len(tests)
    return {
        _key(record): (short if unique else record["test"])
        + (f" {record['label']}" if record["label"] else "")
        for record, short in zip(records, shorts, strict=True)
    }


def _cells(name: str, record: Record) -> tuple[str, ...]:
    from energybench.units import prefix, show_value

    value, low, high = record["energy_j"]
    factor, _ = prefix(value, "J")
    places = _places((high - low) / 2 / factor, value / factor)
    energy = f"{value / factor:.{places}f} {prefix(value, 'J')[1]}"
    interval = f"[{low / factor:.{places}f}, {high / factor:.{places}f}]"
    parts = " + ".join(
        f"{component} {show_value(energies_j[0], 'J')}"
        for component, energies_j in record.get("components_j", {}).items()
    )
    power_w = record.get("power_w")
    return (
        name if len(name) <= _LONGEST_NAME else "",
        f"~{energy}" if is_estimated(record) else energy,
        interval,
        "" if power_w is None else show_value(power_w[0], "W"),
        parts,
        f"{record['windows']} x {show_value(record['window_s'], 's')}",
    )


def _places(half_width: float, value: float) -> int:
    from energybench.units import decimals

    fine = decimals(half_width) if half_width > 0 else decimals(abs(value), 4)
    return min(max(fine, 0), 6)


def remarks(record: Record) -> list[str]:
    """Everything that a person must know beside the numbers, in whole lines."""
    text = []
    if "unpassed" in record:
        text.append(f"{record['unpassed']}: its energy is neither judged nor saved")
    if is_estimated(record):
        text.append("estimated: time x assumed power, not measured; no gate is applied")
    if "others" in record:
        text.append(f"beside it: {record['others']}")
    text += record.get("notes", [])
    if "doubts" in record:
        text.append(f"doubts: {', '.join(record['doubts'])} (energybench explain CODE)")
    return text
