"""Reading an adapter's file, strictly: a mistake is one line with file, key and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from energybench import formula
from energybench.errors import BadInput
from energybench.model.adapter import Adapter, CheckRule, ValuePattern
from energybench.regular_file import read_text
from energybench.toml_tables import convert, load

SCHEMA = "energybench-adapter/1"
_MOST_BYTES = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


class Pattern(NamedTuple):
    """A compiled pattern of an adapter.

    expression  of RE2, over bytes: its time grows with the length of the output, and no faster
    groups      number of each named group
    """

    rule: ValuePattern
    expression: Any
    groups: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        product = (self.rule.product,) if self.rule.product else ()
        return (*self.groups, *product)


class LoadedAdapter(NamedTuple):
    """An adapter whose patterns and formulas were checked.

    folder    folder of the file, in which the input deck lies
    formulas  by their text
    """

    adapter: Adapter
    folder: Path
    patterns: tuple[Pattern, ...]
    formulas: Mapping[str, formula.Formula]


def read(path: Path) -> LoadedAdapter:
    """The adapter of a file. Raises BadInput."""
    remedy = "an adapter is a TOML file of a page: docs/workloads/applications.md"
    return parse(read_text(path, _MOST_BYTES, remedy=remedy), str(path), path.parent)


def parse(text: str, where: str, folder: Path) -> LoadedAdapter:
    """The adapter of a text. `where`: the file, for messages. Raises BadInput."""
    table = load(text, where)
    if table.get("schema") != SCHEMA:
        problem = f"is {table['schema']!r}" if "schema" in table else "is missing"
        raise BadInput(f"{where}: schema", problem, f'schema = "{SCHEMA}"')
    adapter = convert(table, Adapter, where, ": ")
    if not _NAME.fullmatch(adapter.name):
        raise BadInput(
            f"{where}: name", f"{adapter.name!r} is not a name", "letters, digits, _ . -"
        )
    for key, words in (("about", adapter.about), ("work.unit", adapter.work.unit)):
        if not words.strip():
            raise BadInput(f"{where}: {key}", "is empty", "a few words")
    patterns = _patterns(adapter.values, where)
    names = {name for pattern in patterns for name in pattern.names}
    _check_names(adapter.problem.values, names, f"{where}: problem.values")
    return LoadedAdapter(adapter, folder, patterns, _formulas(adapter, names, where))


def _patterns(rules: Iterable[ValuePattern], where: str) -> tuple[Pattern, ...]:
    """The compiled patterns. Raises BadInput."""
    patterns: list[Pattern] = []
    for i, rule in enumerate(rules):
        place = f"{where}: values[{i}].pattern"
        expression = _compiled(rule.pattern, place)
        groups = {name.decode(): number for name, number in expression.groupindex.items()}
        if not groups:
            raise BadInput(place, "has no named group", "(?P<name>…) around each value")
        named = [*groups, rule.product] if rule.product else list(groups)
        for name in named:
            if not formula.is_name(name):
                raise BadInput(place, f"{name!r} cannot be a name in a formula", "another name")
            if named.count(name) > 1 or any(name in other.names for other in patterns):
                raise BadInput(place, f"the value {name!r} is stated twice", "one name a value")
        patterns.append(Pattern(rule, expression, groups))
    return tuple(patterns)


def _compiled(pattern: str, place: str) -> Any:
    import re2  # late: only commands with an adapter need it

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # any byte is a character
    try:
        return re2.compile(pattern.encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        problem = error.args[0] if error.args else "is refused"
        words = problem.decode("utf-8", "replace") if isinstance(problem, bytes) else str(problem)
        raise BadInput(
            place,
            f"is not a regular expression of RE2: {words}",
            "look-around and back-references do not exist there",
        ) from None


def _formulas(adapter: Adapter, names: set[str], where: str) -> dict[str, formula.Formula]:
    """The formulas of an adapter by their text. Raises BadInput."""
    texts = [("work.amount", adapter.work.amount)]
    if adapter.work.flops:
        texts.append(("work.flops", adapter.work.flops))
    if adapter.figure_of_merit is not None:
        texts.append(("figure_of_merit.value", adapter.figure_of_merit.value))
    derived = adapter.run.derived if adapter.run is not None else {}
    quantities: set[str] = set()
    for i, check in enumerate(adapter.checks):
        place = f"checks[{i}]"
        _check_quantity(check, quantities, f"{where}: {place}")
        if check.equals:
            _check_names([check.value], names, f"{where}: {place}.value")
        else:
            texts.append((f"{place}.value", check.value))
    formulas = {
        text: formula.parse(text, f"{where}: run.derived.{name}") for name, text in derived.items()
    }
    for key, text in texts:
        parsed = formula.parse(text, f"{where}: {key}")
        _check_names(parsed.names, names, f"{where}: {key}")
        formulas[text] = parsed
    return formulas


def _check_quantity(check: CheckRule, quantities: set[str], place: str) -> None:
    """Raises BadInput for a check without a name, or with the name of another."""
    if not check.quantity.strip():
        raise BadInput(f"{place}.quantity", "is empty", "the quantity that is checked")
    if check.quantity in quantities:
        raise BadInput(
            f"{place}.quantity", f"{check.quantity!r} is checked twice", "one check a quantity"
        )
    quantities.add(check.quantity)


def _check_names(used: Iterable[str], names: set[str], place: str) -> None:
    """Raises BadInput for a value that no pattern states."""
    for name in used:
        if name not in names:
            raise BadInput(
                place,
                f"{name!r} is not a value of the adapter",
                f"have: {', '.join(sorted(names))}",
            )
