"""The connection to the sampling process, used by several threads."""

from __future__ import annotations

import threading

import pytest

from energybench.api.link import Gone, Link

NEVER = 1_000_000  # a question that nobody asked has no answer
PATIENCE_S = 60.0


class ClosedMeanwhile(Link):
    """A link that another thread closes just before a wait."""

    def _wait(self, descriptor: int, seconds: float) -> None:
        self.close(0.0)
        super()._wait(descriptor, seconds)


def test_a_wait_for_an_answer_ends_if_another_thread_closes_the_link() -> None:
    """At whatever moment the connection is closed, the waiting thread is told that it is."""
    with pytest.raises(Gone, match="was closed"):
        ClosedMeanwhile().answer(NEVER, PATIENCE_S)

    link = Link()
    told: list[str] = []

    def wait() -> None:
        with pytest.raises(Gone) as gone:
            link.answer(NEVER, PATIENCE_S)
        told.append(str(gone.value))

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    link.close(PATIENCE_S)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(told) == len(threads)
    assert all("closed" in words or "has ended" in words for words in told)
