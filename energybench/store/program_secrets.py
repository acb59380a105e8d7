"""Passwords in short options, by the name of the program: -p is a password of mysql and sshpass,
and a port of other programs. Sources: the manual pages of the programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

_PASSWORD_P = (
    "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlslap mysqlbinlog mysqlpump "
    "mysqlsh mycli mariadb mariadb-dump mariadb-admin mariadb-import mariadb-check mariadb-show "
    "mariadb-slap mariadb-binlog mariadb-backup mariabackup xtrabackup sshpass mongo mongosh "
    "mongodump mongorestore mongoexport mongoimport mongostat cqlsh beeline ipmi-sensors ipmi-dcmi "
    "ipmi-oem ipmi-sel ipmi-fru ipmipower ipmiconsole bmc-info 7z 7za 7zr 7zz rar unrar"
)
_PASSWORD_UPPER_P = (
    "ipmitool zip unzip sqlcmd bcp mosquitto_pub mosquitto_sub mosquitto_rr freebcp tsql"
)
_PASSWORD_W = "ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ldappasswd ldapcompare"
_COMMUNITY = "snmpget snmpwalk snmpgetnext snmpbulkwalk snmpbulkget snmpset snmptable"
_USER_AND_PASSWORD = "smbclient rpcclient smbget smbcacls smbcquotas smbtree net winexe nmblookup"
# program → short options whose value, glued or in the next argument, is a secret
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_PASSWORD_P.split(), ("-p",)),
    **dict.fromkeys(_PASSWORD_UPPER_P.split(), ("-P",)),
    **dict.fromkeys(_PASSWORD_W.split(), ("-w",)),
    **dict.fromkeys(_COMMUNITY.split(), ("-c", "-A", "-X")),
    "redis-cli": ("-a",),
    "keytool": ("-storepass", "-keypass"),
    "jarsigner": ("-storepass", "-keypass"),
}
# programs whose second word decides: `docker run -p 8080:80` states a port
_WITH_LOGIN = ("docker", "podman", "nerdctl", "skopeo", "buildah", "oras", "az", "helm")
# -U user%password, and lftp -u user,password
_SEPARATORS: Mapping[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(_USER_AND_PASSWORD.split(), (("-U", "%"), ("--user", "%"))),
    "lftp": (("-u", ","),),
}
_ANOTHER_OPTION = re.compile(r"--?[A-Za-z][\w-]*(?:=.*)?|--")
_WORDS = re.compile(r"(\s+)")
_ENDS_COMMAND = re.compile(r".*[;|&]|[;|&].*", re.DOTALL)


def without_passwords(argv: Sequence[str], mark: str) -> list[str]:
    """The arguments, with a mark in place of the passwords that programs take in short options.
    Commands of a shell inside one argument are looked at as well.
    """
    words = _of_words(argv, mark)
    return [
        "".join(_of_words(_WORDS.split(word), mark, every=2)) if re.search(r"\s", word) else word
        for word in words
    ]


def _of_words(words: Sequence[str], mark: str, *, every: int = 1) -> list[str]:
    """every: distance between two words; 2 if blanks lie between them."""
    stored = list(words)
    program = ""
    for i in range(0, len(stored), every):
        word = stored[i]
        before = stored[i - every] if i >= every else ""
        if _ENDS_COMMAND.fullmatch(before):
            program = ""
        if program:
            stored[i] = _stored(program, before, word, mark)
        if stored[i] == word and not before.startswith("-"):
            program = _program(word, stored[i + every :: every]) or program
    return stored


def _program(word: str, after: Sequence[str]) -> str:
    """The name of a program with passwords in short options; "" for another word."""
    name = os.path.basename(word.strip("\"'`(){}$;")).removesuffix(".exe")
    if name in _WITH_LOGIN and "login" in after[:2]:
        return "login"
    return name if name in _OPTIONS or name in _SEPARATORS else ""


def _stored(program: str, before: str, word: str, mark: str) -> str:
    """A word behind a program's name, without a password."""
    options = ("-p",) if program == "login" else _OPTIONS.get(program, ())
    for option in options:
        if before == option and word and not _ANOTHER_OPTION.fullmatch(word):
            return mark
        if len(option) == 2 and word.startswith(option) and len(word) > 2 and word[2] != "-":
            return option + mark
    for option, separator in _SEPARATORS.get(program, ()):
        stated = before == option or word.startswith((option, f"{option}="))
        user, mark_of_user, _ = word.partition(separator)
        if stated and mark_of_user:
            return f"{user}{separator}{mark}"
    return word
