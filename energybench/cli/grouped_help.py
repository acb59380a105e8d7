"""`energybench --help`: the commands in groups, with complete summaries."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_ANY_LENGTH = 1000  # of a summary, in characters: a test keeps summaries within a line


class GroupedHelp(TyperGroup):
    """Lists the commands by `rich_help_panel`, in the order of addition, as plain text. The
    library's own list has no groups without rich, and shortens summaries.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is None or command.hidden:
                continue
            title = str(getattr(command, "rich_help_panel", None) or "Commands")
            row = (name, command.get_short_help_str(_ANY_LENGTH))
            groups.setdefault(title, []).append(row)
        width = max((len(name) for rows in groups.values() for name, _ in rows), default=0)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])
