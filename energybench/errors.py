"""Errors of a person's input (a line on stderr, exit code 2), and the only warning."""

import re
from collections.abc import Iterable

# Most characters of a word or of a quoted value in an error line: enough for a path and its key,
# but not for the whole of a foreign value.
_MOST = 200
_LONG = re.compile(
    rf"\S{{{_MOST + 1},}}|(?<=')[^']{{{_MOST + 1},}}(?=')|(?<=\")[^\"]{{{_MOST + 1},}}(?=\")"
)
_MOST_OF_A_PART = 400
_MOST_OF_A_PLACE = 240


def brief(text: str, most: int = _MOST_OF_A_PART) -> str:
    """The text without the middle of long words and quoted values, and at most `most` long, cut
    between words.
    """
    text = _LONG.sub(lambda match: _middle_out(match[0], _MOST), text)
    if len(text) <= most:
        return text
    half = (most - 3) // 2
    first, last = text[:half], text[-half:]
    if not text[half].isspace() and " " in first:
        first = first.rsplit(" ", 1)[0]
    if not text[-half - 1].isspace() and " " in last:
        last = last.split(" ", 1)[1]
    return f"{first.rstrip()} … {last.lstrip()}"


def _middle_out(text: str, most: int) -> str:
    half = (most - 3) // 2
    return f"{text[:half]} … {text[-half:]}"


def in_one_line(error: BaseException) -> str:
    """Kind and text of an error, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


class BadInput(Exception):
    """A wrong flag, file, scenario, run directory or plugin.

    where   file, flag or plugin (and key) with the mistake
    what    the mistake
    remedy  how to correct the mistake
    """

    def __init__(self, where: str, what: str, remedy: str = "") -> None:
        self.where, self.what, self.remedy = where, what, remedy
        parts = (brief(where, _MOST_OF_A_PLACE), brief(what))
        place_and_mistake = ": ".join(part.replace("\n", " ") for part in parts if part)
        super().__init__(place_and_mistake + (f" ({brief(remedy)})" if remedy else ""))


class NothingToRecover(BadInput):
    """A store without an unfinished run."""


class NotInstalled(BadInput):
    """A library that is not installed, so that a file cannot be written or read here."""

    def __init__(self, library: str) -> None:
        super().__init__(library, "is not installed", "pip install 'energybench[report]'")


class Refused(BadInput):
    """Two results that are not comparable.

    may_be_forced  whether a comparison is still possible, with a doubt (`compare --force`)
    """

    def __init__(
        self, where: str, what: str, remedy: str = "", *, may_be_forced: bool = False
    ) -> None:
        super().__init__(where, what, remedy)
        self.may_be_forced = may_be_forced


class DoesNotFit(BadInput):
    """Work that needs more memory than the machine has: in a study, a result."""


class NotHere(BadInput):
    """A feature missing on the device: in a study, listed as absent."""


class StorageFailed(Exception):
    """The store cannot be written, or was removed during a run: exit code 125 (docs/store.md).

    The message names the file. After a run the message also names the command that completes the
    run from the files on disk.

    reason  reason from the operating system, if any: "No space left on device"
    """

    def __init__(self, message: str, reason: str = "") -> None:
        self.reason = reason
        super().__init__(message)


class UnknownFields(UserWarning):
    """Documents hold fields unknown to this version; the command line prints a line.

    places  the files (and lines)
    fields  dotted names, with `[]` for the items of a list or dictionary: "repeats[].spin"
    """

    def __init__(self, places: tuple[str, ...], fields: tuple[str, ...]) -> None:
        self.places, self.fields = places, fields
        subject = f"{places[0]} holds"
        if len(places) > 1:
            subject = f"{places[0]} and {len(places) - 1} more hold"
        names = brief(", ".join(fields))
        super().__init__(
            f"{brief(subject)} fields that this version does not know: {names}; "
            "written by a later energybench?"
        )

    @classmethod
    def of_all(cls, notes: Iterable["UnknownFields"]) -> "UnknownFields | None":
        """One warning in place of several; None without a warning."""
        places: dict[str, None] = {}
        fields: dict[str, None] = {}
        for note in notes:
            places.update(dict.fromkeys(note.places))
            fields.update(dict.fromkeys(note.fields))
        return cls((*places,), (*fields,)) if fields else None
