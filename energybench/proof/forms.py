"""Forms by which names of machines, people and places are known in any text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

# RFC 9562; with the words that drivers write before the UUID of a board or of a part of one. The
# 32 digits stand alone in /etc/machine-id and in some tools' output.
UUID = re.compile(
    r"(?<![0-9A-Fa-f])(?:(?:GPU|MIG)-)?"
    r"[0-9A-Fa-f]{8}(?:(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{24})(?![0-9A-Fa-f])"
)
_UUID_LENGTH, _UUID_DIGITS = 36, 32
_BLOCK_ENDS = (0, 8, 12, 16, 20, 32)
# Ends of names of files, behind which no domain of a host stands.
_FILES = (
    *("json", "jsonl", "html", "pdf", "toml", "parquet", "csv", "svg", "png", "txt", "log", "out"),
    *("err", "py", "sh", "md", "tex", "om", "zip", "gz", "tar", "xml", "yaml", "yml", "h", "so"),
)
# with colons, with hyphens, and in groups of four as switches write it
MAC = re.compile(
    r"(?<![0-9A-Fa-f:.-])(?:[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})"
    r"|(?=[\d.]*[A-Fa-f])[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})(?![0-9A-Fa-f:-])"
)
# domain:bus:device.function, as sysfs (4 digits of domain) and NVML (8) write it
PCI = re.compile(
    r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{4}):[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]"
    r"(?![0-9A-Fa-f])"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_GROUP = "[0-9A-Fa-f]{1,4}"
# IPv4; IPv6 whole, or with :: after a first group of three digits or more (RFC 4291, 2.2)
ADDRESS = re.compile(
    rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\d.]*\d)"
    rf"|(?<![\w:.])(?:(?:{_GROUP}:){{7}}{_GROUP}"
    rf"|[0-9A-Fa-f]{{3,4}}(?::{_GROUP}){{0,5}}::(?:{_GROUP}(?::{_GROUP}){{0,5}})?)(?![\w:])"
)
DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)(?:T\d{2}[-:]\d{2}[-:]\d{2})?")
_SYSTEM = ("sys", "proc", "dev", "usr", "bin", "sbin", "lib", "lib64", "etc", "run", "boot")
_PART = r"[^\s/\\:;,'\"`<>|()\[\]{}=&?*#]+"
# An absolute path of two parts or more, a path below a home, and a relative one that begins with
# dots; not the path of an address on the web, and not that of a file of the operating system, below
# which addresses of devices stand.
PATH = re.compile(
    rf"(?<![\w./~])(?!/(?:{'|'.join(_SYSTEM)})(?:/|(?!{_PART})))"
    rf"(?:(?:~[\w.-]*|\.{{1,2}})?(?:/(?!/){_PART}){{2,}}/?|(?:~[\w.-]*|\.{{1,2}})/{_PART}/?)"
    rf"|(?<=file://)(?:/{_PART})+/?"
)
# Folders that hold a folder for each user or project.
_OF_USERS = frozenset(
    ("home", "homes", "users", "user", "scratch", "work", "project", "projects", "lustre", "u")
)
_COMMON = frozenset(("results", "shared", "public", "data", "tmp", "bin", "src", "root", "home"))


# Characters that are written as escapes: of addresses (RFC 3986, 2.1), of JSON (RFC 8259, 7) and of
# a shell; and words, in which a shell's escaped space may stand.
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[/ ]")
_WORD = re.compile(r"(?:\\ |\S)+")
_MOST_TIMES = 4  # that a text was escaped


def escaped_words(text: str) -> Iterator[re.Match[str]]:
    """The words of a text in which an escape stands."""
    return (match for match in _WORD.finditer(text) if _ESCAPE.search(match[0]))


def unescaped(text: str) -> str:
    """The text with the characters that its escapes stand for; a space is written as %20, so that
    a path stays one word.
    """
    for _ in range(_MOST_TIMES):
        plain = _BYTES.sub(_character, text)
        if plain == text:
            break
        text = plain
    return text


_BYTES = re.compile(r"(?:%(?!20)[0-9A-Fa-f]{2})+|\\u[0-9A-Fa-f]{4}|\\[/ ]")


def _character(match: re.Match[str]) -> str:
    escape = match[0]
    if escape.startswith("%"):
        return unquote(escape, errors="surrogateescape").replace(" ", "%20")
    character = chr(int(escape[2:], 16)) if escape.startswith("\\u") else escape[1]
    return "%20" if character == " " else character


def is_of_the_system(path: str) -> bool:
    """Whether a path is that of a file of the operating system, which names nobody."""
    parts = [part for part in path.split("/") if part]
    return path.startswith("/") and bool(parts) and parts[0].lower() in _SYSTEM


def users_of(path: str) -> Iterator[str]:
    """The users or projects in a path, by the folders that have one for each."""
    parts = [part for part in path.split("/") if part]
    if parts and parts[0].startswith("~") and len(parts[0]) > 1:
        yield parts[0][1:]
    for folder, inside in pairwise(parts):
        known = inside.lower() in _COMMON or inside.lower() in _OF_USERS
        # the last part is the file
        if folder.lower() in _OF_USERS and not known and (inside != parts[-1] or len(parts) == 2):
            yield inside


def in_file_names(name: str) -> set[str]:
    """The name as it stands in ids of runs and in names of files (store/layout.py)."""
    forms = {
        re.sub(r"[^\w.-]+", "_", name).strip("_."),
        re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_."),
    }
    return {form for form in forms if len(form) > 1 and form != name}


_JOB_WORDS = ("job", "jobs", "jobid", "job id", "job_id", "job-id", "job number")
_JOB_SEPARATORS = (" ", "=", ":", ": ", "_", "-", "#", " #", "/")
_BEFORE_JOB = (
    *(word + separator for word in _JOB_WORDS for separator in _JOB_SEPARATORS),
    *("slurm-", "slurm_", "slurm_script", "-j "),
)
# before a step of a job, "71.0"
_BEFORE_STEP = ("pmix.", "step ", "step=", "stepid=", "jobs=", "-j ")


def job_number(numbers: list[str]) -> str:
    """A pattern for the numbers of jobs, the longest first: beside a word for a job, in a step of a
    job, or as a part of a name of one.
    """
    if not numbers:
        return ""
    either = "|".join(map(re.escape, numbers))
    # a point with a digit behind it would make the number a decimal
    alone = rf"(?=\d)(?:{_after(_BEFORE_JOB)})(?:{either})(?![A-Za-z0-9]|\.\d)"
    of_a_step = rf"(?=\d)(?:{_after(_BEFORE_STEP)})(?:{either})(?=\.\d)"
    return rf"{alone}|{of_a_step}|{job_in_a_name(numbers)}"


def job_in_a_name(numbers: list[str]) -> str:
    """A pattern for the numbers of jobs as they stand in names of jobs, "ebtest-71-r0"."""
    either = "|".join(map(re.escape, sorted(numbers, key=len, reverse=True)))
    return rf"(?<=[\w.+]-)(?:{either})(?=-r\d)"


def _after(words: tuple[str, ...]) -> str:
    return "|".join(f"(?<={re.escape(word)})" for word in words)


def uuid_beginnings(name: str) -> Iterator[str]:
    """The beginnings of a UUID that end with a block, as tools print and accept them:
    "8f3d5a2e-1b4c" and "8f3d5a2e". Less than the first block names nobody.
    """
    digits = canonical("uuid", name)
    blocks = [digits[first:last] for first, last in pairwise(_BLOCK_ENDS)]
    for number in range(len(blocks) - 1, 0, -1):
        yield "-".join(blocks[:number])


def uuid_beginning(beginnings: list[str]) -> str:
    """A pattern for beginnings of UUIDs, the longest first, also with the word of a driver before
    the beginning and a part of a block behind it.
    """
    if not beginnings:
        return ""
    either = "|".join(map(re.escape, beginnings))
    part = "(?:-[0-9A-Fa-f]{1,11})?(?![0-9A-Za-z])"
    return rf"(?<![0-9A-Fa-f])(?:(?:GPU|MIG)-)?(?:{either}){part}"


def with_domain(hosts: list[str]) -> str:
    """A pattern for the full names of hosts, by their first words; a name of a file is left."""
    if not hosts:
        return ""
    either = "|".join(map(re.escape, hosts))
    last = rf"\.(?!(?:{'|'.join(_FILES)})(?![A-Za-z0-9-]))[A-Za-z]{{2,24}}"
    end = r"(?![A-Za-z0-9.-]*[A-Za-z0-9])"
    return rf"(?<![A-Za-z0-9])(?:{either})(?:\.[A-Za-z0-9-]{{1,63}})*{last}{end}"


def canonical(kind: str, name: str) -> str:
    """One writing for each name: NVML and sysfs differ in zeros and case, and a UUID stands with
    and without a word before it.
    """
    if kind == "uuid":
        return name.lower().replace("-", "")[-_UUID_DIGITS:]
    if kind == "mac":
        return re.sub("[:.-]", "", name.lower())
    if kind != "pci":
        return name.lower()
    domain, _, rest = name.lower().partition(":")
    return f"{int(domain, 16):x}:{rest}"


def in_form(kind: str, name: str, digits: str) -> str:
    """Hexadecimal digits in the form of the name."""
    if kind == "uuid" and "-" not in name[-_UUID_DIGITS:]:
        return name[:-_UUID_DIGITS] + digits[:_UUID_DIGITS]
    if kind == "uuid":
        return name[:-_UUID_LENGTH] + "-".join(digits[a:b] for a, b in pairwise(_BLOCK_ENDS))
    if kind == "mac":
        # a locally administered address (IEEE 802), with the separators of the name
        if "." in name:
            return f"02{digits[:2]}.{digits[2:6]}.{digits[6:10]}"
        return name[2].join(["02", *(digits[i : i + 2] for i in range(0, 10, 2))])
    if kind == "pci":
        domain = digits[:4].rjust(name.index(":"), "0")
        return f"{domain}:{digits[4:6]}:{digits[6:8]}.{int(digits[8], 16) % 8}"
    return digits[: max(len(name), 10)]
