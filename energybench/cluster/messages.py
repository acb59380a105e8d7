"""Messages between the head node's process and the readers of the nodes: a line of JSON for each
message.

The head node sends; srun hands every line to every reader (`--input=all`). The readers answer; srun
mixes the lines of the readers, and every line names its node.

    head                                            reader
    open {plan}                                     opened | refused {what}
    ping {number}                                   pong {number, t_s}           at any time
    idle {note}                                     idled
    approach {number}                               ready          polls fast until begun
    begun                                                          samples
    over                                                           polls fast until ended
    ended {start, end, offsets, cut}                closed {number, energy_j}
    finish                                          finished {directory} | refused {what}

Times of the head node come from its monotonic clock.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping
from typing import Any

_MOST_BYTES = 2**22  # of a line: a message names every node once
Message = dict[str, Any]


def line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=True, allow_nan=False).encode() + b"\n"


class Lines:
    """Messages over a file descriptor.

    ended  whether the other side has closed the descriptor
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd, self.ended = fd, False
        self._rest = b""
        self._messages: deque[Message] = deque()

    def read(self) -> None:
        """Take the messages that have come, without waiting. A line that is not a message is passed
        over: a program of Slurm may write a remark.
        """
        while not self.ended:
            try:
                piece = os.read(self.fd, 2**16)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            if not piece:
                self.ended = True
                return
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if len(self._rest) > _MOST_BYTES:
                self._rest = b""
            self._messages.extend(message for text in lines if (message := _parsed(text)))

    def next(self) -> Message | None:
        """The next message; None: no message has come."""
        return self._messages.popleft() if self._messages else None

    def peek(self) -> Message | None:
        """The next message, which stays."""
        return self._messages[0] if self._messages else None

    def taken_out(self, do: str) -> list[Message]:
        """All waiting messages of a kind; other messages stay."""
        taken = [message for message in self._messages if message["do"] == do]
        if taken:
            self._messages = deque(m for m in self._messages if m["do"] != do)
        return taken

    def __bool__(self) -> bool:
        """Whether a message waits, or no further message can come."""
        return bool(self._messages) or self.ended


def _parsed(text: bytes) -> Message | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("do"), str) else None
