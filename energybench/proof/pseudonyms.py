"""Pseudonyms for the names of machines, people and places, the same wherever a name stands.

A pseudonym is a keyed digest of the name (HMAC-SHA256, RFC 2104) with a secret salt, in the form of
what it replaces: the UUID of a board becomes another UUID. Values that share the error of a sensor
still share it, and without the salt nobody can test a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from energybench.errors import BadInput, StorageFailed
from energybench.proof import forms
from energybench.regular_file import read_text

Kind = Literal[
    "host", "user", "path", "uuid", "serial", "pci", "mac", "address", "id", "nodes", "cluster",
    "job", "run", "name",
]  # fmt: skip
_WORDS = ("host", "user", "path", "serial", "address", "nodes", "cluster", "job", "name")

_SALT_BYTES = 32
_SALT = re.compile(r"[0-9a-f]{64}\n?")
# A name of fewer characters is replaced where it stands as a word of its own, since it may be a
# part of any other word. Numbers of fewer digits are replaced in the field of a job's number, in
# the name of a job, and beside words for a job only (proof/job_names.py).
_SHORT, _SHORT_NUMBER = 5, 9
_NUMBER = re.compile(r"\d+(?:[_+]\d+)?")  # of a job, of a task of an array, of a component
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d{3})?Z")  # begins the id of a run
_ATTACHED = "_attached"


def salt_of(path: Path) -> bytes:
    """The salt of a file, which is made if it is missing, readable for its owner alone.

    Raises BadInput for a file that is not a salt, and StorageFailed.
    """
    if path.exists():
        text = read_text(path, 1000, remedy="a file that `energybench bundle --redact` made")
        if not _SALT.fullmatch(text):
            raise BadInput(f"--salt {path}", "is not a salt", "name a new file, or the one made")
        return bytes.fromhex(text.strip())
    salt = secrets.token_bytes(_SALT_BYTES)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{salt.hex()}\n")
    except OSError as error:
        raise StorageFailed(f"--salt {path}: cannot be written: {error.strerror}") from None
    return salt


class Pseudonyms:
    """Learns names first, and replaces them and whatever has the form of a name afterwards.

    used  pseudonym of every name that was replaced so far
    """

    def __init__(self, salt: bytes, hide: Iterable[str] = ()) -> None:
        self._salt = salt
        self._known: dict[str, str] = {}  # pseudonym by the name in lower case
        self._kept: set[str] = set()
        # canonical UUID and its pseudonym's digits, by a beginning of the UUID
        self._beginnings: dict[str, tuple[str, str]] = {}
        self._hosts: set[str] = set()  # first words of names of hosts, in lower case
        self._jobs: dict[str, str] = {}  # pseudonym by a number too short to replace everywhere
        self._pattern: re.Pattern[str] | None = None
        self.used: dict[str, str] = {}
        for name in hide:
            if len(name.strip()) < 2:
                raise BadInput(f"--hide {name!r}", "is too short to be replaced")
            self.learn("name", name.strip())

    # ------------------------------------------------------------ learning

    def learn(self, kind: Kind, name: str | None) -> None:
        """Replace this name from now on."""
        name = unicodedata.normalize("NFC", (name or "").strip())
        # a word of one character is a part of any text; a job's number has a field of its own
        least = 1 if kind == "job" and name.isdigit() else 2
        if len(name) < least or name.lower() in self._known:
            return
        if kind == "run" and not _STAMP.match(name):
            return  # the part of a job, which is called after its node
        self._pattern = None
        pseudonym = self._made(kind, name)
        if kind == "job" and _NUMBER.fullmatch(name) and len(name) < _SHORT_NUMBER:
            for form in {name, *forms.in_file_names(name)}:
                self._jobs[form] = pseudonym
            return
        for form in {name, name.replace(" ", "%20"), *forms.in_file_names(name)}:
            self._known.setdefault(form.lower(), pseudonym)

    def learn_as(self, name: str, pseudonym: str) -> None:
        """Replace a name that is made of other names by what their pseudonyms make."""
        self._known.setdefault(unicodedata.normalize("NFC", name).lower(), pseudonym)
        self._pattern = None

    def learn_board(self, address: str) -> None:
        """Replace the PCI address of a board, also without its domain, as lspci writes it."""
        self.learn("pci", address)
        pseudonym = self._known.get(address.lower())
        if pseudonym is not None:
            self._known.setdefault(_without_domain(address.lower()), _without_domain(pseudonym))

    def learn_host(self, name: str) -> None:
        """Replace the name of a host, short or full, and with any domain behind the short name."""
        first, _, domain = name.strip().partition(".")
        self.learn("host", first)
        short = first.lower()
        if domain and short in self._known:
            self.learn_as(name.strip(), self._known[short])
        elif domain:
            self.learn("host", name)
        # a short word such as "gpu" begins words of programs as well: "gpu.board"
        if len(short) >= _SHORT or any(character.isdigit() for character in short):
            self._hosts.add(short)
            self._pattern = None

    def _learn_uuid(self, name: str) -> None:
        """Replace the beginnings of a UUID; a whole UUID is known by its form."""
        whole = forms.canonical("uuid", name)
        digits = forms.canonical("uuid", self._made("uuid", name))
        for beginning in forms.uuid_beginnings(name):
            self._beginnings.setdefault(beginning, (whole, digits))
        self._pattern = None

    def keep(self, words: Iterable[str]) -> None:
        """Words of energybench, which are never replaced, though a name may be a part of one."""
        self._kept.update(word for word in words if len(word) > 1)
        self._pattern = None

    def learn_from(self, text: str) -> None:
        """Learn the users in the paths of a text, and the paths as they stand in ids of runs."""
        text = forms.unescaped(unicodedata.normalize("NFC", text))
        for match in forms.UUID.finditer(text):
            self._learn_uuid(match[0])
        for match in forms.MAC.finditer(text):
            bare = forms.canonical("mac", match[0])
            digits = forms.canonical("mac", self._made("mac", match[0]))
            self._known.setdefault(bare, digits)
            self._pattern = None
        for match in forms.PATH.finditer(text):
            path = match[0]
            if forms.is_of_the_system(path):
                continue
            for user in forms.users_of(path):
                self.learn("user", user)
            for form in forms.in_file_names(path):
                if len(form) >= _SHORT:
                    self._known.setdefault(form.lower(), self._made("path", path))
                    self._pattern = None

    # ------------------------------------------------------------ replacing

    def text(self, text: str) -> str:
        """The text with pseudonyms."""
        if len(text) > 1 and text in self._jobs:  # a number on its own, such as a label
            return self._note(text, self._jobs[text])
        if self._pattern is None:
            self._pattern = self._alternatives()
        pieces = []
        place = 0
        for match in forms.escaped_words(text):
            pieces += [self._plain(text[place : match.start()]), self._escaped(match[0])]
            place = match.end()
        return "".join([*pieces, self._plain(text[place:])])

    def _escaped(self, word: str) -> str:
        """A word with escapes; without them if a name stands in it."""
        plain = forms.unescaped(word)
        new = self._plain(plain)
        return word if new == plain else new

    def _plain(self, text: str) -> str:
        assert self._pattern is not None
        composed = unicodedata.normalize("NFC", text)
        new = self._pattern.sub(self._replacement, composed)
        return text if new == composed else new

    def of_field(self, kind: Kind, name: str | None, *, note: bool = False) -> str | None:
        """Pseudonym of a name in a field for names of this kind, however short the name is.

        note  whether the name is replaced with it
        """
        stated = unicodedata.normalize("NFC", (name or "").strip())
        if name is None or not stated:
            return name
        pseudonym = self._known.get(stated.lower()) or self._jobs.get(stated)
        pseudonym = pseudonym or self._made(kind, stated)
        return self._note(stated, pseudonym) if note else pseudonym

    def path(self, word: str) -> str:
        """A word that is a path as a whole, which may hold spaces."""
        if word.startswith(("/", "~/")) and not forms.is_of_the_system(word):
            return self._note(word, self._made("path", word))
        return self.text(word)

    def remaining(self, text: str) -> str | None:
        """A name that was replaced elsewhere and still stands in the text."""
        composed = unicodedata.normalize("NFC", text)
        folded = f"{composed}\n{forms.unescaped(composed)}".lower()
        for name in self.used:
            lower = name.lower()
            if _is_short(lower) or lower not in folded:
                continue
            without = folded
            for word in self._kept:
                without = without.replace(word.lower(), "")
            if lower in without:
                return name
        number = re.search(forms.job_in_a_name(list(self._jobs)), folded) if self._jobs else None
        return number[0] if number is not None else None

    def _alternatives(self) -> re.Pattern[str]:
        """One pattern for everything, so that no pseudonym is replaced again."""
        long = sorted((name for name in self._known if not _is_short(name)), key=len, reverse=True)
        short = sorted((name for name in self._known if _is_short(name)), key=len, reverse=True)
        kept = sorted(self._kept, key=len, reverse=True)
        named = {
            "kept": _either(kept, whole=True),
            "path": forms.PATH.pattern,
            "uuid": forms.UUID.pattern,
            "beginning": forms.uuid_beginning(sorted(self._beginnings, key=len, reverse=True)),
            "domain": forms.with_domain(sorted(self._hosts, key=len, reverse=True)),
            "known": _either(long, whole=False),
            "word": _either(short, whole=True),
            "job": forms.job_number(sorted(self._jobs, key=len, reverse=True)),
            "date": forms.DATE.pattern,
            "mac": forms.MAC.pattern,
            "pci": forms.PCI.pattern,
            "address": forms.ADDRESS.pattern,
        }
        parts = [f"(?P<{name}>{pattern})" for name, pattern in named.items() if pattern]
        return re.compile("|".join(parts), re.IGNORECASE)

    def _replacement(self, match: re.Match[str]) -> str:
        kind, name = match.lastgroup or "", match[0]
        if kind in ("kept", "date"):
            return name
        if kind == "beginning":
            return self._of_beginning(name)
        if kind == "domain":
            return self._note(name, self._of_host(name))
        if kind in ("known", "word"):
            return self._note(name, self._known[name.lower()])
        if kind == "job":
            return self._note(name, self._jobs[name])
        return self._note(name, self._made(kind, name))  # type: ignore[arg-type]

    def _of_beginning(self, name: str) -> str:
        """The beginning of a UUID, replaced by the same beginning of the pseudonym of the UUID."""
        word = name[:4] if name[:4].upper() in ("GPU-", "MIG-") else ""
        body = name[len(word) :].lower()
        known = max((one for one in self._beginnings if body.startswith(one)), key=len)
        whole, digits = self._beginnings[known]
        if not whole.startswith(body.replace("-", "")):
            body = known  # the rest is another word
        used = iter(digits)
        pseudonym = word + "".join("-" if mark == "-" else next(used) for mark in body)
        return self._note(name[: len(word) + len(body)], pseudonym) + name[len(word) + len(body) :]

    def _of_host(self, name: str) -> str:
        """The pseudonym of a host's full name: that of the short name, unless the full name has its
        own.
        """
        short = name.partition(".")[0].lower()
        return self._known.get(name.lower()) or self._known.get(short) or self._made("host", short)

    def _note(self, name: str, pseudonym: str) -> str:
        self.used[name] = pseudonym
        return pseudonym

    def _made(self, kind: Kind, name: str) -> str:
        form = forms.canonical(kind, name)
        if kind == "run" and form.endswith(_ATTACHED):
            return self._made(kind, name.removesuffix(_ATTACHED)) + _ATTACHED
        message = f"{kind}\0{form}".encode("utf-8", "surrogatepass")
        digits = hmac.new(self._salt, message, hashlib.sha256).hexdigest()
        if kind in _WORDS:
            return f"{kind}-{digits[:10]}"
        if kind == "run" and (stamp := _STAMP.match(name)):
            return f"{stamp[0]}_run_{digits[:10]}"
        return forms.in_form(kind, name, digits)


def _without_domain(address: str) -> str:
    return address.partition(":")[2]


def _is_short(name: str) -> bool:
    return len(name) < _SHORT or (name.isdigit() and len(name) < _SHORT_NUMBER)


def _either(names: list[str], *, whole: bool) -> str:
    """A pattern for any of the names; whole: as a word of its own."""
    if not names:
        return ""
    either = "|".join(map(re.escape, names))
    return f"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])" if whole else f"(?:{either})"
