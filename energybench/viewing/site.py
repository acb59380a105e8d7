"""The addresses of the page, with the answers to requests."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec

from energybench.errors import BadInput, Refused
from energybench.units import counted, decimal_number
from energybench.viewing import access, documents, messages, pages
from energybench.viewing.access import Access
from energybench.viewing.index import Index
from energybench.viewing.messages import Answer, Request
from energybench.viewing.pages import Link
from energybench.viewing.query import parsed, select
from energybench.viewing.rows import Row, key_of

_OPEN_AGAIN = (
    "Open the address that `energybench view` printed. The address can be used once, in one "
    "browser: for another one, end the command with Ctrl-C and start it again."
)
_BACK = Link("./", "all runs")
_MARGIN = "0.05"  # as in `energybench compare`
_SECTIONS = ("power",)  # of a report, at which it can be opened


class Site:
    """The pages of a store."""

    def __init__(self, index: Index, entry: Access) -> None:
        self.index, self.access = index, entry
        self._pages = {
            "": self._table,
            "state": self._state,
            "runs": self._frame_of_runs,
            "report": self._report,
            "compare": self._frame_of_comparison,
            "comparison": self._comparison,
            "save": self._save,
        }

    def respond(self, request: Request) -> Answer:
        """The answer to a request; nothing about the store without the cookie."""
        if not access.is_own_host(request.host):
            return messages.text(
                HTTPStatus.MISDIRECTED_REQUEST, "This page is at 127.0.0.1 or localhost."
            )
        if not request.path.startswith(self.access.base):
            return messages.text(HTTPStatus.NOT_FOUND, "Nothing is here.")
        name = request.path.removeprefix(self.access.base)
        if name == "open":
            return self._open(request)
        if not self.access.knows(request.cookies) or not access.is_own_site(
            request.fetch_site, request.origin, request.referer, request.host
        ):
            return messages.text(HTTPStatus.FORBIDDEN, _OPEN_AGAIN)
        return self._page(name, request)._replace(to_owner=True)

    def _page(self, name: str, request: Request) -> Answer:
        """A page for the owner."""
        if name in pages.FILES:
            return pages.file(name)
        if name not in self._pages:
            return pages.message(HTTPStatus.NOT_FOUND, "No such page", "", [_BACK])
        try:
            return self._pages[name](request)
        except BadInput as why:
            return pages.message(HTTPStatus.BAD_REQUEST, "This cannot be shown", f"{why}.", [_BACK])

    def _open(self, request: Request) -> Answer:
        """Exchange the token for the cookie. A HEAD request, as of a preview, spends nothing."""
        if request.is_head:
            return messages.text(HTTPStatus.OK, "")
        cookie = self.access.exchange(request.one("token"))
        if cookie is None:
            if self.access.knows(request.cookies):
                return self._go_on()
            return messages.text(HTTPStatus.FORBIDDEN, _OPEN_AGAIN)
        return self._go_on()._replace(headers=(("Set-Cookie", cookie),))

    def _go_on(self) -> Answer:
        # A redirection would be part of the navigation of a foreign page, such as a terminal in the
        # browser, and a SameSite=Strict cookie is not sent then. A page of ours avoids this.
        page = pages.message(HTTPStatus.OK, "Opening the store", "", [_BACK], refresh="./")
        return page._replace(to_owner=True)

    # -------------------------------------------------- the table

    def _table(self, request: Request) -> Answer:
        query = parsed(request.parameters)
        return pages.table(self.index, self.index.refresh(), query, documents.formats())

    def _state(self, request: Request) -> Answer:
        """A number that changes with the rows: the page asks for the number, to show new runs."""
        del request
        number = self.index.refresh().number
        body = msgspec.json.encode({"number": number})
        return Answer(HTTPStatus.OK, body, "application/json")

    # -------------------------------------------------- reports

    def _frame_of_runs(self, request: Request) -> Answer:
        """A run, study or job, or several with their power over time together."""
        rows = self._rows(request, documents.MOST_TOGETHER)
        title = rows[0].label if len(rows) == 1 else f"{len(rows)} runs"
        parameters = [("id", row.key) for row in rows]
        links = [_BACK]
        if len(rows) == 1 and rows[0].inside:
            links.append(Link(f"./?within={key_of(rows[0].inside)}", "its study or job"))
        if len(rows) == 2 and all(row.comparable for row in rows):
            links.append(Link(f"compare?{urlencode(parameters)}", "compare the two"))
        section = request.one("at") if request.one("at") in _SECTIONS else ""
        return pages.frame(title, "report", parameters, links + _saving(parameters), section)

    def _report(self, request: Request) -> Answer:
        rows = self._rows(request, documents.MOST_TOGETHER)
        page = documents.report(self.index, rows, "html")
        return Answer(HTTPStatus.OK, page.content, policy=messages.REPORT_POLICY)

    def _frame_of_comparison(self, request: Request) -> Answer:
        rows, margin, force = self._sides(request)
        parameters = [*(("id", row.key) for row in rows), *_settings(margin, force)]
        try:
            documents.compared(self.index, rows, margin, force=force)
        except Refused as why:
            links = [_BACK]
            if why.may_be_forced:
                forced = urlencode([*(("id", row.key) for row in rows), *_settings(margin, True)])
                words = "compare them all the same, with that doubt"
                links.append(Link(f"compare?{forced}", words))
            return pages.message(
                HTTPStatus.OK, "These two runs are not comparable", f"{why}.", links
            )
        turned = [*(("id", row.key) for row in reversed(rows)), *_settings(margin, force)]
        links = [_BACK, Link(f"compare?{urlencode(turned)}", "baseline and candidate swapped")]
        title = f"{rows[0].label} → {rows[1].label}"
        return pages.frame(title, "comparison", parameters, links + _saving(parameters, "pair"))

    def _comparison(self, request: Request) -> Answer:
        rows, margin, force = self._sides(request)
        page = documents.comparison(self.index, rows, "html", margin, force=force)
        return Answer(HTTPStatus.OK, page.content, policy=messages.REPORT_POLICY)

    def _save(self, request: Request) -> Answer:
        """A file in a format of the reports: of a compared pair, of chosen runs, or of all runs of
        the table.
        """
        form = request.one("format")
        if form not in documents.formats():
            raise BadInput("format", "is not installed", ", ".join(documents.formats()))
        if request.one("pair"):
            rows, margin, force = self._sides(request)
            saved = documents.comparison(self.index, rows, form, margin, force=force)
        elif request.parameters.get("id"):
            saved = documents.report(self.index, self._rows(request, documents.MOST_SAVED), form)
        else:
            saved = documents.report_of_readable(self.index, self._of_the_table(request), form)
        name = saved.name.encode("ascii", "replace").decode().translate(_NO_NAME)
        headers = (("Content-Disposition", f'attachment; filename="{name}"'),)
        return Answer(
            HTTPStatus.OK, saved.content, saved.media_type, messages.REPORT_POLICY, headers
        )

    # -------------------------------------------------- parameters

    def _rows(self, request: Request, most: int) -> list[Row]:
        """The rows whose keys the address names, without repetition. Raises BadInput."""
        self.index.refresh()
        keys = list(dict.fromkeys(request.parameters.get("id", ())))
        if not 0 < len(keys) <= most:
            what = f"names {len(keys)} runs" if keys else "names no run"
            raise BadInput("this address", what, f"choose 1 to {most}")
        return [self.index.row(key) for key in keys]

    def _of_the_table(self, request: Request) -> list[Row]:
        """The finished rows of the table, including damaged rows. Raises BadInput."""
        rows = select(self.index.refresh().rows, parsed(request.parameters))
        finished = [row for row in rows if row.kind != "unfinished"]
        if not 0 < len(finished) <= documents.MOST_SAVED:
            raise BadInput(
                "the table",
                f"shows {counted(len(finished), 'finished run')}",
                f"filter it, or choose runs: 1 to {documents.MOST_SAVED}",
            )
        return finished

    def _sides(self, request: Request) -> tuple[list[Row], float, bool]:
        """Baseline and candidate, margin, and whether to compare in spite of a refusal."""
        rows = self._rows(request, documents.MOST_TOGETHER)
        if len(rows) != 2:
            raise BadInput("compare", f"takes two runs, not {len(rows)}", "choose two")
        margin = decimal_number(request.one("margin") or _MARGIN)
        if margin is None or not 0.0 <= margin <= 1.0:
            raise BadInput("margin", "is not a number from 0 to 1")
        return rows, margin, request.one("force") == "1"


_NO_NAME = {ord(character): "_" for character in '"\\/?%;'}


def _settings(margin: float, force: bool) -> list[tuple[str, Any]]:
    """The parameters of a comparison that are not the default."""
    settings: list[tuple[str, Any]] = []
    if margin != float(_MARGIN):
        settings.append(("margin", margin))
    if force:
        settings.append(("force", "1"))
    return settings


def _saving(parameters: Sequence[tuple[str, Any]], pair: str = "") -> list[Link]:
    more = [("pair", "1")] if pair else []
    return [
        Link(f"save?{urlencode([*parameters, *more, ('format', form)])}", form, save=True)
        for form in documents.formats()
    ]
