"""Errors that a person's input causes: one line on stderr and exit code 2."""


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
