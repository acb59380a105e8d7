"""The one exception a person causes: it becomes one line on stderr and exit code 2."""


class BadInput(Exception):
    """A wrong flag, file, scenario, run directory or plugin.

    where   the file, flag or plugin (and key) that is wrong
    what    what is wrong with it
    remedy  what to do about it
    """

    def __init__(self, where: str, what: str, remedy: str = "") -> None:
        self.where, self.what, self.remedy = where, what, remedy
        super().__init__(
            ": ".join(part.replace("\n", " ") for part in (where, what) if part)
            + (f" ({remedy})" if remedy else "")
        )


class Refused(BadInput):
    """Two results that are not comparable; `--force` turns it into a doubt."""


class DoesNotFit(BadInput):
    """Work that the machine's memory cannot hold: in a study, a result."""


class NotHere(BadInput):
    """Something that this device does not have: in a study, listed as absent."""
