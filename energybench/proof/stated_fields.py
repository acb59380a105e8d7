"""Check the fields of a file that readers ignore but a person sees: fields unknown to this version,
and stamps, which every reader computes anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from energybench.errors import BadInput, UnknownFields
from energybench.model import Grade, Measurement, Study
from energybench.proof.contents import Files
from energybench.proof.differences import differences_of_values
from energybench.proof.proof import Notes
from energybench.regular_file import read_bytes
from energybench.store import document_file, strict, unknown_fields
from energybench.store.document_file import Content, Result
from energybench.store.layout import INDEX, RUN
from energybench.store.strict import MOST_BYTES

_NOUNS: dict[str, type[Any]] = {RUN: Measurement, INDEX: Study}


def check_unknown(
    noted: Iterable[UnknownFields],
    prefix: str,
    notes: Notes,
    by_version: Callable[[str], bool],
) -> None:
    """Fields that readers of the files passed over become findings.

    prefix      folder of the files, which is left out of the places
    by_version  whether a different version wrote the file of this name
    """
    fields = {
        (place.replace(prefix, "", 1), field)
        for note in noted
        for place in note.places
        for field in note.fields
    }
    for place, field in sorted(fields):
        words = f"the field {field} is not one of energybench"
        notes.differs(place, words, by_version=by_version(place))


# ---------------------------------------------------------------- stamps


def check_stamps(
    files: Files, contents: Mapping[str, Content], notes: Notes, by_version: Callable[[str], bool]
) -> None:
    """Check the stamps in runs, studies, results and documents of a bundle.

    contents    contents of results and documents, by their files
    by_version  whether a different version wrote the file of this name
    """
    for name, path in sorted(files.items()):
        kind = _NOUNS.get(PurePosixPath(name).name)
        try:
            if name in contents:
                values = document_file.values(read_bytes(path, MOST_BYTES), name)
                nouns = nouns_of(contents[name])
            elif kind is not None:
                values = [strict.load(path)]
                nouns = [unknown_fields.known(values[0], kind, name)[0]]
            else:
                continue
        except BadInput:
            continue  # a reader notes the finding
        stamps_of(name, values, nouns, notes, by_version=by_version(name))


def nouns_of(content: Content) -> list[Result | Grade]:
    """The results and grades of a file, in the order of `document_file.values`."""
    return [*content.results, *content.grades]


def stamps_of(
    place: str,
    values: Sequence[Any],
    nouns: Sequence[Result | Grade],
    notes: Notes,
    *,
    by_version: bool,
) -> None:
    """Differences between the stamps in a file and the stamps of its results become findings."""
    for number, (value, noun) in enumerate(zip(values, nouns, strict=True)):
        where = f"results[{number}].stamps" if len(values) > 1 else "stamps"
        again = msgspec.to_builtins(noun.stamps)
        for difference in differences_of_values(value.get("stamps", []), again, where):
            notes.differs(place, difference, by_version=by_version)
