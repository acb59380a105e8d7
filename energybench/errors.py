"""Errors of a person's input (one line on stderr, exit code 2), and the one warning."""


class BadInput(Exception):
    """A wrong flag, file, scenario, run directory or plugin.

    where   file, flag or plugin (and key) with the mistake
    what    the mistake
    remedy  how to correct the mistake
    """

    def __init__(self, where: str, what: str, remedy: str = "") -> None:
        self.where, self.what, self.remedy = where, what, remedy
        place_and_mistake = ": ".join(part.replace("\n", " ") for part in (where, what) if part)
        super().__init__(place_and_mistake + (f" ({remedy})" if remedy else ""))


class Refused(BadInput):
    """Two results that are not comparable; `--force` turns the refusal into a doubt."""


class DoesNotFit(BadInput):
    """Work that needs more memory than the machine has: in a study, a result."""


class NotHere(BadInput):
    """A feature that the device does not have: in a study, listed as absent."""


class StorageFailed(Exception):
    """The store could not be written or was removed during a run: exit code 125 (docs/store.md).

    The message names the file, and the command that completes the run from the files on disk.
    """


class UnknownFields(UserWarning):
    """Documents hold fields that this version does not know; the command line prints one line.

    places  the files (and lines)
    fields  dotted names, with `[]` for the items of a list or dictionary: "repeats[].spin"
    """

    def __init__(self, places: tuple[str, ...], fields: tuple[str, ...]) -> None:
        self.places, self.fields = places, fields
        subject = f"{places[0]} holds"
        if len(places) > 1:
            subject = f"{places[0]} and {len(places) - 1} more hold"
        super().__init__(
            f"{subject} fields that this version does not know: {', '.join(fields)}; "
            "written by a later energybench?"
        )
