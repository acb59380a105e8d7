"""A page taken apart, for the tests to look at."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags with attributes, scripts, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = [("", {})]
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1]
        if tag == "script" and self.cdata_elem == "script":
            self.scripts.append((attributes, data))
        elif self.cdata_elem is None:
            self.text += data
            self.title += data if tag == "title" and not self.title else ""
