"""A request and an answer, without a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from energybench.errors import BadInput

# Our own pages: style and script only from this server.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A report, which has a narrower policy, with its scripts by their hash. The sandbox gives the
# report a different origin, so that no script of the report can send requests to this server.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts allow-downloads allow-modals"
)
HTML = "text/html; charset=utf-8"
_MOST_PARAMETERS = 5000


class Request(NamedTuple):
    """A GET or HEAD request.

    parameters                   values by name, in the order of the address
    fetch_site, origin, referer  headers with the origin of the request; None: not sent
    """

    path: str
    parameters: Mapping[str, Sequence[str]]
    host: str | None = None
    cookies: str = ""
    fetch_site: str | None = None
    origin: str | None = None
    referer: str | None = None
    is_head: bool = False

    def one(self, name: str) -> str:
        """The last value of a parameter; empty without a value."""
        return self.parameters.get(name, [""])[-1]


class Answer(NamedTuple):
    """An answer to a request.

    to_owner  whether the request showed the secret of the page. A connection without the secret is
              closed after the answer
    """

    status: HTTPStatus
    body: bytes
    content_type: str = HTML
    policy: str = PAGE_POLICY
    headers: tuple[tuple[str, str], ...] = ()
    to_owner: bool = False


def target(text: str) -> tuple[str, Mapping[str, Sequence[str]]]:
    """Path and parameters of the target of a request. Raises BadInput."""
    try:
        parts = urlsplit(text)
        parameters = parse_qs(
            parts.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="replace"
        )
    except ValueError:
        raise BadInput("the address", "cannot be read") from None
    return parts.path, parameters


def text(status: HTTPStatus, words: str) -> Answer:
    return Answer(status, words.encode() + b"\n", "text/plain; charset=utf-8")
