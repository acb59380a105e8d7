"""The identity of a problem: the content of the input files, the parameters on the command line,
and values in the output.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.adapters.options import behind_program, named_file, parameters
from energybench.adapters.values import Values, number
from energybench.model.adapter import Adapter
from energybench.regular_file import LIMIT_S, within

_MOST_BYTES = 4 << 30  # of an input file: some seconds
_SHOWN = 12  # digits of the hash: two problems differ in the first digits shown in a message


class Inputs(NamedTuple):
    """The inputs of a run.

    digests     of the input files' content, in the order of the adapter
    parameters  options of the command line with their words
    unread      unreadable input files, with the reasons
    """

    digests: tuple[str, ...] = ()
    parameters: tuple[tuple[str, ...], ...] = ()
    unread: tuple[str, ...] = ()


def of_command(adapter: Adapter, command: Sequence[str], folder: Path, stdin: int | None) -> Inputs:
    """The inputs of a command that starts in `folder`.

    stdin  descriptor of its standard input; None: not used
    """
    rule = adapter.problem
    words = behind_program(command, adapter.programs)
    named = named_file(words, rule.file_options)
    digests, unread = [], []
    for name in rule.files if named is None else (named,):
        digest = _digest(str(folder / name))
        digests.append(digest or name)
        unread += [] if digest else [name]
    if named is None and rule.stdin and stdin is not None:
        digests.append(_digest(f"/proc/self/fd/{stdin}") or "standard input")
        unread += [] if len(digests[-1]) == 64 else ["standard input (not a file)"]
    return Inputs(tuple(digests), parameters(words, rule.word_options), tuple(unread))


def of_contents(adapter: Adapter, contents: Mapping[str, bytes], command: Sequence[str]) -> Inputs:
    """The inputs of a run of the adapter's own deck: file → content."""
    digests = [hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)]
    words = behind_program(command, adapter.programs)
    return Inputs(tuple(digests), parameters(words, adapter.problem.word_options))


def fingerprint(adapter: Adapter, inputs: Inputs, values: Values) -> str:
    """'3fa81c92d0ab lammps atoms=4000 steps=200': equal for the same problem."""
    stated = {name: _canonical(values.texts.get(name)) for name in adapter.problem.values}
    content = [adapter.name, inputs.digests, inputs.parameters, sorted(stated.items())]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:_SHOWN]
    return " ".join([digest, adapter.name, *(f"{name}={word}" for name, word in stated.items())])


def _canonical(word: str | None) -> str:
    """A value in its normal form: 4000, 4000.0 and 4.0e3 are the same."""
    if word is None:
        return "?"
    value = number(word)
    return word if value is None else f"{value:.12g}"


def _digest(path: str) -> str | None:
    """SHA-256 of a file's content; None: unreadable, or not a file."""
    try:
        return within(LIMIT_S, lambda: _hashed(path))
    except (OSError, ValueError):
        return None


def _hashed(path: str) -> str | None:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return None
        digest, place = hashlib.sha256(), 0
        while piece := os.pread(fd, 1 << 20, place):
            digest.update(piece)
            place += len(piece)
        return digest.hexdigest()
    finally:
        os.close(fd)
