"""Secrets in the arguments of a program and in settings of a workload, which a run does not store.

A run directory is read by others, and its reports are published. An argument that looks like a
password, a key or a token is replaced by a mark. The rest of the argument stays, so that a reader
still sees which option was set. Two runs whose arguments differ only in a secret have the same
stored command.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from energybench.store.program_secrets import without_passwords

NOT_STORED = "(not stored)"

Scalar = TypeVar("Scalar", bound=str | int | float | bool | None)

# All patterns are compiled where they are first used: a reader of runs uses none.

# The words by which programs name their secrets in options, variables and headers. Long words also
# end a longer word (DBPASSWORD); a short word stands alone (GITHUB_PAT, but not "spat").
_WORDS = (
    r"(?:[A-Za-z0-9]*(?:passwords?|passwd|passphrase|passcode|passkey|passwort|kennwort|pwd|token|"
    r"(?:api|access|auth|secret)[-_.]?tokens|secrets?|credentials?|signature|apikeys?|privkey|"
    r"connection[-_.]?string|"
    r"(?:api|access|private|secret|session|account|master|shared|encryption|decryption|signing|"
    r"licen[cs]e|client|deploy|service|storage|webhook|ssh|gpg|tls|ssl|host)"
    r"[-_.]?keys?(?:[-_.]?id)?)|pass|passw|pw|pswd|psw|creds?|auth(?:entication|orization)?|bearer|"
    r"cookie|session[-_.]?id|sessid|sid|csrf|xsrf|jwt|pat|sas|sig|hmac|psk|pkey|key|pin|otp|totp|mfa)"
)
# The word has to end the name: --tokenizer and --max-tokens hold no secret, --secret-file a path.
# A number, or the form of the value, may follow: GH_TOKEN_1, --password-base64.
_NAME = (
    rf"(?:[A-Za-z0-9]+[-_.])*{_WORDS}(?:[-_.]?\d{{1,3}}|[-_.](?:value|base64|b64|hash|plain|text))?"
)
_IS_NAME = rf"(?i)-{{0,2}}{_NAME}"
# NAME=value, NAME: value and --NAME value inside one argument (a shell's -c, a header, a query)
_ASSIGNED = (
    rf"(?i)(?P<name>(?<![A-Za-z0-9])-{{0,2}}{_NAME}[\"']?(?:\s*(?:=>|[=:])\s*|(?<=[A-Za-z0-9])%3D))"
    r"(?P<scheme>(?:bearer|basic|token)\s+)?(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,|]+)"
)
# The whole argument is a name and its value, which may contain blanks and any sign. An argument
# after -c is code of a shell or of Python instead.
_ALL = rf"(?is)(?P<name>-{{0,2}}{_NAME}(?:=|:\s*))(?P<value>.+)"
_CODE = r"-[a-z]*c"
_OPTION = rf"(?i)(?P<name>(?<![\w-])--?{_NAME}\s+)(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;|-][^\s&;|]*)"
_ELEMENT = rf"(?i)(?P<name><{_NAME}>)(?P<value>[^<]+)"
# scheme://user:password@host and scheme://token@host (RFC 3986, 3.2.1)
_USER = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^\s/@:]*)(?P<rest>:[^\s/]*)?@"
# Tokens that are known by their form, as their makers document it: Hugging Face, AWS, GitHub,
# GitLab, Slack (its addresses for messages too), OpenAI and others with "sk-", Google, npm, PyPI,
# SendGrid, Databricks, JSON web tokens (RFC 7519).
_TOKEN = (
    r"\bhf_[A-Za-z0-9]{8,}|\b(?:AKIA|ASIA|AGPA|AROA|AIDA)[0-9A-Z]{12,}|"
    r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}|\bxox[abeoprs]-[\w-]{8,}|"
    r"\b(?:sk|pk|rk)[-_][\w-]{16,}|\bAIza[\w-]{30,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{16,}|"
    r"\bSG\.[\w-]{16,}\.[\w-]{8,}|\bdapi[0-9a-f]{32}|(?<=hooks\.slack\.com/services/)[^\s\"']+|"
    r"\bwandb_\w{16,}|\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"
)
_PRIVATE_KEY = r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)"
_USER_OPTIONS = ("-u", "--user", "--proxy-user")  # curl: user:password
_USER_OPTION = (
    r"(?P<name>(?<![\w-])(?:-u\s*|--(?:proxy-)?user[=\s]\s*)[\"']?[^\s:=\"'-][^\s:]*:)"
    r"(?P<value>[^\s\"']+)"
)
# '--verbose', '--mode=fast', '-n', '-O3', '-vv': an option. '-X9f27' after --token is its value.
_OPTION_NAME = r"(?s)--[A-Za-z][A-Za-z_-]*\d?(?:=.*)?|-[A-Za-z]\d?|-([A-Za-z])\1+|--"
_SHORT_VALUE = r"(?i)true|false|yes|no|on|off|none|0|1"


def without_secrets(argv: Sequence[str]) -> tuple[str, ...]:
    """The arguments of a program, with NOT_STORED in place of what looks like a secret."""
    stored: list[str] = []
    argv = without_passwords(argv, NOT_STORED)
    for i, argument in enumerate(argv):
        before = argv[i - 1] if i > 1 else ""
        if _is_option(before) and not _is_switch(argument):
            stored.append(NOT_STORED)
        elif before in _USER_OPTIONS and ":" in argument:
            stored.append(f"{argument.partition(':')[0]}:{NOT_STORED}")
        elif (
            not re.fullmatch(_CODE, before) and (whole := re.fullmatch(_ALL, argument)) is not None
        ):
            stored.append(_without_value(whole))
        else:
            stored.append(_cleaned(argument))
    return tuple(stored)


def without_secret_settings(
    settings: Mapping[str, Scalar], secret: Collection[str] = ()
) -> dict[str, Scalar | str]:
    """Settings by key, with NOT_STORED as the value of a secret.

    secret  keys whose values the workload declares secret
    """
    stored: dict[str, Scalar | str] = {}
    for key, value in settings.items():
        stored[key] = value
        if key in secret or (isinstance(value, str) and value and re.fullmatch(_IS_NAME, key)):
            stored[key] = NOT_STORED
        elif isinstance(value, str):
            stored[key] = _cleaned(value)
    return stored


def _is_option(argument: str) -> bool:
    """'--password', '-token': an option whose value is the next argument."""
    return argument.startswith("-") and re.fullmatch(_IS_NAME, argument) is not None


def _is_switch(argument: str) -> bool:
    """Another option, or a value too short to be a secret."""
    return (
        re.fullmatch(_OPTION_NAME, argument) or re.fullmatch(_SHORT_VALUE, argument)
    ) is not None


def _cleaned(argument: str) -> str:
    argument = re.sub(_PRIVATE_KEY, NOT_STORED, argument)
    argument = re.sub(_USER, _without_user, argument)
    argument = re.sub(_USER_OPTION, _without_value, argument)
    argument = re.sub(_ASSIGNED, _without_value, argument)
    argument = re.sub(_OPTION, _without_value, argument)
    argument = re.sub(_ELEMENT, _without_value, argument)
    return re.sub(_TOKEN, NOT_STORED, argument)


def _without_value(match: re.Match[str]) -> str:
    if re.fullmatch(_SHORT_VALUE, match["value"]) or match["value"].startswith(NOT_STORED[:4]):
        return match[0]
    return f"{match['name']}{NOT_STORED}"


def _without_user(match: re.Match[str]) -> str:
    """The name of a user stays beside a password; alone it stays unless it may be a token."""
    if match["rest"] is not None:
        return f"{match['scheme']}{match['user']}:{NOT_STORED}@"
    if match["scheme"].lower().startswith("http") and match["user"]:
        return f"{match['scheme']}{NOT_STORED}@"
    return match[0]
