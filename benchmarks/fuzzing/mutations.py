"""Damage to valid files and arguments: bytes, tokens, and the values of JSON and of samples."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

NASTY = (
    "",
    " ",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x07",
    "line\n# INJ verdict: better",
    "\r\nline",
    "\u202eltr\u2066",
    "\u2028line",
    "\x9b31m",
    "caf\udce9",
    "\ud800",
    "\U0001f600" * 60,
    "x" * 70_000,
    "a b " * 2000,
    "../../../etc/passwd",
    "/dev/zero",
    "/dev/full",
    ".",
    "-",
    "--",
    "²",
    "٣",
    "NaN",
    "inf",
    "-inf",
    "1e999",
    "1e999999",
    "-0.0",
    "9" * 5000,
    "0x10",
    "1_000",
    "1e-320",
    "None",
    "%s%n{0}",
    "[red]markup[/red]",
    "<script>",
)
NUMBERS = (
    "0", "-1", "-0.0", "1e308", "-1e308", "1e-308", "5e-324", "1e999", "NaN", "Infinity",
    "-Infinity",
    "9" * 400, "9" * 5000, "18446744073709551616", "-9223372036854775809", "2147483648", "1e18",
    "1e30", "0.1", "1e9", "-1e9", '"7"', "null", "true", "[]", "{}", "inf", "nan", "-inf",
)  # fmt: skip
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def text(content: str, random_: random.Random) -> str:
    """One to three changes of a text: numbers, strings, lines, characters, its end."""
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        content = random_.choice(_TEXT)(content, random_)
    return content


def _number(content: str, random_: random.Random) -> str:
    return _one(_NUMBER, content, random_, random_.choice(NUMBERS))


def _string(content: str, random_: random.Random) -> str:
    value = random_.choice(NASTY)
    return _one(_STRING, content, random_, json.dumps(value, ensure_ascii=random_.random() < 0.7))


def _one(pattern: re.Pattern[str], content: str, random_: random.Random, new: str) -> str:
    places = list(pattern.finditer(content))
    if not places:
        return content + new
    place = random_.choice(places)
    return content[: place.start()] + new + content[place.end() :]


def _line(content: str, random_: random.Random) -> str:
    """A line left out, doubled, or exchanged with another."""
    lines = content.split("\n")
    i, k = random_.randrange(len(lines)), random_.randrange(len(lines))
    action = random_.randrange(3)
    if action == 0:
        del lines[i]
    elif action == 1:
        lines.insert(k, lines[i])
    else:
        lines[i], lines[k] = lines[k], lines[i]
    return "\n".join(lines)


def _characters(content: str, random_: random.Random) -> str:
    i = random_.randrange(len(content) + 1)
    k = min(len(content), i + random_.choice((0, 1, 1, 5, 60)))
    new = random_.choice(("", '"', "{", "}", "[", "]", ",", "=", "\n", *NASTY))
    return content[:i] + new + content[k:]


def _end(content: str, random_: random.Random) -> str:
    return content[: random_.randrange(len(content) + 1)]


def _nested(content: str, random_: random.Random) -> str:
    return _one(_NUMBER, content, random_, "[" * random_.choice((50, 5000, 100_000)))


_TEXT = (
    _number,
    _number,
    _number,
    _string,
    _string,
    _line,
    _characters,
    _characters,
    _end,
    _nested,
)


def document(value: Any, random_: random.Random) -> Any:
    """One to three values of a JSON document replaced, left out or moved; or numbers alone, so that
    the document stays valid and its numbers are computed with.
    """
    change = random_.choice((_replaced, _other_numbers))
    for _ in range(random_.choice((1, 1, 2, 3))):
        value = change(value, random_)
    return value


def _other_numbers(value: Any, random_: random.Random) -> Any:
    """A number of the document, or a whole branch of numbers, scaled to extremes."""
    share = random_.choice((0.002, 0.02, 0.3))
    factor = random_.choice((0.0, -1.0, 1e6, 1e150, 1e300, 1e-300, 5e-324, 1.0000001, 1e18))

    def scaled(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: scaled(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [scaled(inner) for inner in item]
        if isinstance(item, bool) or not isinstance(item, int | float) or random_.random() > share:
            return item
        number = item * factor
        finite = number == number and abs(number) < 1.8e308
        return type(item)(number) if finite and abs(number) < 2**62 else item

    return scaled(value)


def _replaced(value: Any, random_: random.Random) -> Any:
    if isinstance(value, dict) and value and random_.random() < 0.95:
        key = random_.choice(list(value))
        action = random_.random()
        if action < 0.07:
            return {name: item for name, item in value.items() if name != key}
        if action < 0.1:
            return {**value, random_.choice(NASTY): value[key]}
        return {**value, key: _replaced(value[key], random_)}
    if isinstance(value, list) and value and random_.random() < 0.9:
        i = random_.randrange(len(value))
        if random_.random() < 0.1:
            return value[:i] + value[i:] * random_.choice((0, 2, 20))
        return [*value[:i], _replaced(value[i], random_), *value[i + 1 :]]
    if isinstance(value, str) and random_.random() < 0.8:
        return random_.choice(NASTY)
    if isinstance(value, int | float) and random_.random() < 0.85:
        extremes = (
            0,
            -1,
            1e308,
            -1e308,
            5e-324,
            1e-300,
            1e18,
            2**63,
            -(2**63),
            10**400,
            1e9,
            1e100,
        )
        return random_.choice((*extremes, value * 1e6, value * -1, value * 1e-9, value + 1))
    return random_.choice((None, True, 0, "", [], {}, "x", 1.5))


def raw(content: bytes, random_: random.Random) -> bytes:
    """Bytes flipped, left out, doubled, or cut off at the end."""
    changed = bytearray(content)
    for _ in range(random_.choice((1, 1, 2, 8, 40))):
        if not changed:
            break
        i = random_.randrange(len(changed))
        action = random_.randrange(6)
        if action < 3:
            changed[i] = random_.randrange(256)
        elif action == 3:
            del changed[i : i + random_.choice((1, 7, 400))]
        elif action == 4:
            changed[i:i] = changed[i : i + random_.choice((1, 7, 400))]
        else:
            del changed[i:]
    return bytes(changed)


def samples(path: Path, random_: random.Random) -> None:
    """Rewrite a file of samples with damaged columns or a damaged header; else damaged bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix != ".parquet" or random_.random() < 0.4:
        path.write_bytes(raw(path.read_bytes(), random_))
        return
    table = pq.read_table(path)
    metadata = dict(table.schema.metadata or {})
    names = table.column_names
    action = random_.randrange(6)
    columns = {name: table[name].to_pylist() for name in names}
    types = {name: table.schema.field(name).type for name in names}
    if action < 2:
        times: tuple[float, ...] = (float("inf"), float("nan"), -1e9, 1e308, 0.0, 1e15, -1e-300)
        for _ in range(random_.choice((1, 5))):
            columns["t_s"][random_.randrange(table.num_rows)] = random_.choice(times)
    elif action == 2:
        counts = (2**63 - 1, -(2**63), 0, None, 10**15)
        for _ in range(random_.choice((1, 5, 50))):
            columns["raw"][random_.randrange(table.num_rows)] = random_.choice(counts)
    elif action == 3:
        name = random_.choice(names)
        columns[name] = [str(value) for value in columns[name]]
        types[name] = pa.string()
    elif action == 4:
        header = metadata.get(b"energybench", b"")
        damaged = raw(header, random_)
        if random_.random() < 0.7:
            damaged = text(header.decode(), random_).encode("utf-8", "surrogatepass")
        metadata[b"energybench"] = damaged
    else:
        columns["channel"] = [random_.choice((0, 1, -5, 99)) for _ in columns["channel"]]
        if random_.random() < 0.3:
            columns = {name: values[:0] for name, values in columns.items()}
    arrays = [pa.array(columns[name], types[name]) for name in names]
    schema = pa.schema(list(zip(names, types.values(), strict=True)), metadata=metadata)
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
