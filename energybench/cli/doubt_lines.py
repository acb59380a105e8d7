"""Doubts in lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.foreign_text import displayed, visible
from energybench.model import Doubt

# characters of a repeated doubt: subject and first thought, one line of a terminal with its code
_SHORT = 72
_MOST_NAMES = 3  # of the parts that a folded doubt is about as well
_EXPLAINED = "  `energybench explain CODE` states the meaning and the test of a doubt"


def doubts(results_doubts: tuple[Doubt, ...]) -> list[str]:
    """One line for each doubt, with the remedy, safe to print.

    Doubts that say the same of several boards, channels or nodes are one line, with their number.
    The message and the remedy stand in full the first time, and shortened in later doubts of the
    same code and remedy.
    """
    lines: list[str] = []
    printed: set[tuple[str, str]] = set()
    for first, *others in _alike(results_doubts):
        message, remedy = displayed((first.message, first.remedy))
        if (first.code, first.remedy) in printed:
            message, remedy = _shortened(first), "as above" if first.remedy else ""
        arrow = f" → {remedy}" if remedy else ""
        lines.append(visible(f"  doubt [{first.code}] {message}{_more(others)}{arrow}"))
        printed.add((first.code, first.remedy))
    return lines


def explained(*doubts_of_results: Sequence[Doubt]) -> list[str]:
    """The command that explains a doubt, as the last line of a text that lists doubts."""
    return [_EXPLAINED] if any(doubts_of_results) else []


def _alike(results_doubts: Sequence[Doubt]) -> list[list[Doubt]]:
    """The doubts in groups that differ in the names of their subjects and results alone."""
    groups: dict[tuple[str, str, str], list[Doubt]] = {}
    for number, doubt in enumerate(results_doubts):
        # of the whole result: a doubt of its own
        words = doubt.own_message.replace(doubt.subject, "\0") if doubt.subject else str(number)
        groups.setdefault((doubt.code, doubt.remedy, words), []).append(doubt)
    return list(groups.values())


def _more(others: Sequence[Doubt]) -> str:
    """Words on the subjects of further doubts that say the same."""
    if not others:
        return ""
    names = [": ".join((*doubt.about, doubt.subject)) for doubt in others[:_MOST_NAMES]]
    rest = len(others) - len(names)
    also = f" and {rest} more" if rest else ""
    return f"; the same of {len(others)} more: {displayed(', '.join(names))}{also}"


def _shortened(doubt: Doubt) -> str:
    """The beginning of a message, long enough to tell a repeated doubt from the first, and with the
    whole name of its subject.
    """
    message = str(displayed(doubt.message))
    if len(message) <= _SHORT:
        return message
    cut = max(message.rfind(mark, 0, _SHORT) for mark in (": ", ", ", "; ", " "))
    short = message[: cut if cut > 0 else _SHORT].rstrip(" ,;:")
    name = str(displayed(doubt.subject))
    begun = message.find(name) if name else -1
    if 0 <= begun < _SHORT + len(name):
        return message[: max(len(short), begun + len(name))] + " …"
    return f"{short} …" + (f" ({name})" if name else "")
