"""Access to the page: for the first browser that opens the printed address.

On a log-in node every user can connect to 127.0.0.1, so that an address without a secret would show
the store to every user. The token in the printed address is usable once and is exchanged for a
cookie. The cookie is for a secret path: a browser sends the cookies of a host to all of its ports
(RFC 6265, 8.5), and another port may be another user's server.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from urllib.parse import urlencode

_COOKIE = "energybench-view"
_BYTES = 32  # of a secret
# Names by which a browser reaches the page, also through a forwarded port. Any other name may be a
# foreign site whose name was pointed at 127.0.0.1 (DNS rebinding).
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Access:
    """The secrets of a server."""

    def __init__(self) -> None:
        self._token: str | None = secrets.token_urlsafe(_BYTES)
        self._cookie = secrets.token_urlsafe(_BYTES)
        self._lock = threading.Lock()
        self.base = f"/{secrets.token_urlsafe(12)}/"  # begins all paths

    def path(self) -> str:
        """Path and token of the printed address."""
        return f"{self.base}open?{urlencode({'token': self._token or ''})}"

    def exchange(self, token: str) -> str | None:
        """The value of Set-Cookie for the token, once; None for any other text, and afterwards."""
        with self._lock:
            if self._token is None or not _equal(token, self._token):
                return None
            self._token = None
        return f"{_COOKIE}={self._cookie}; Path={self.base}; HttpOnly; SameSite=Strict"

    def is_spent(self) -> bool:
        return self._token is None

    def knows(self, cookies: str) -> bool:
        """Whether the value of a Cookie header holds the cookie."""
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
        # a cookie with the same name may come from a neighbouring server
        return any(_equal(value, self._cookie) for name, _, value in pairs if name == _COOKIE)


def _equal(given: str, secret: str) -> bool:
    """Compare in a time that does not depend on the number of right characters."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def is_own_host(header: str | None) -> bool:
    """Whether a Host header names this machine by a loopback name, at any port."""
    name, colon, port = (header or "").rpartition(":")
    if not colon or not port.isdigit():
        name = header or ""
    return name.lower() in _HOSTS


def is_own_site(
    fetch_site: str | None, origin: str | None, referer: str | None, host: str | None
) -> bool:
    """Whether a page of ours, or the person, made a request.

    fetch_site, origin, referer, host  headers of the request; None: not sent

    Every header about the origin of the request has to name us; a Referer counts only without the
    two other headers. Our pages send no Referer ("Referrer-Policy: no-referrer"). A browser without
    any of these headers is not refused: the cookie suffices.
    """
    if fetch_site not in (None, "none", "same-origin"):
        return False
    if origin is not None:
        return _is_of(origin, host)
    return fetch_site is not None or referer is None or _is_of(referer, host)


def _is_of(address: str, host: str | None) -> bool:
    """Whether an address, such as that of a page, is on the host and port of a Host header."""
    scheme, separator, rest = address.partition("://")
    name = rest.partition("/")[0]
    return bool(separator) and scheme.lower() == "http" and name.lower() == (host or "").lower()
