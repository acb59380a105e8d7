"""The tasks of a launch find each other, and only tasks of the same launch and command."""

from __future__ import annotations

import socket
import threading

import pytest

from energybench.cluster.meeting import Connection, Hello, connect, gather
from energybench.errors import BadInput
from energybench.measuring.child import WorkFailed
from energybench.measuring.signals import Signals
from energybench.meeting_place import MeetingPlace


def place(node: int, nodes: int = 2, port: int = 0) -> MeetingPlace:
    return MeetingPlace(nodes, node, "127.0.0.1", port, "a job")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def joining(one: MeetingPlace, hello: Hello, said: list[object]) -> threading.Thread:
    """Another node's task; what came of it stands in `said`."""

    def join() -> None:
        try:
            said.append(connect(one, hello, Signals()))
        except (BadInput, WorkFailed) as error:
            said.append(error)

    thread = threading.Thread(target=join, daemon=True)
    thread.start()
    return thread


def test_all_nodes_meet_although_the_first_port_is_taken() -> None:
    """A stranger listens at the first port, and another one calls the first node."""
    with socket.create_server(("", 0)) as stranger, Signals() as signals:
        port = int(stranger.getsockname()[1])
        said: list[object] = []
        threads = [joining(place(node, 3, port), Hello(f"n{node}", "x"), said) for node in (2, 1)]
        connections = gather(place(0, 3, port), Hello("n0", "x"), signals)
        for thread in threads:
            thread.join(60)
        assert [one.name for one in connections] == ["n1", "n2"]
        connections[0].tell(do="begin", folder="f")
        others = [one for one in said if isinstance(one, Connection)]
        assert len(others) == 2
        for one in (*connections, *others):
            one.close()


@pytest.mark.parametrize(
    ("hello", "reason"),
    [(Hello("n0", "x"), "counted twice"), (Hello("n1", "y"), "with other options")],
)
def test_a_task_that_does_not_belong_is_told_why(hello: Hello, reason: str) -> None:
    port, said = free_port(), list[object]()
    with Signals() as signals:
        thread = joining(place(1, port=port), hello, said)
        with pytest.raises(BadInput, match=reason):
            gather(place(0, port=port), Hello("n0", "x"), signals)
        thread.join(60)
    (error,) = said
    assert isinstance(error, BadInput)
    assert reason in str(error)


def test_a_task_of_another_launch_is_not_heard() -> None:
    """The task of this launch is, although the other called first."""
    port, said = free_port(), list[object]()
    with Signals() as signals, socket.socket() as stranger:
        thread = joining(place(1, port=port), Hello("n1", "x"), said)

        def call() -> None:
            while stranger.connect_ex(("127.0.0.1", port)):
                pass
            stranger.sendall(b'{"do":"hello","key":"other","number":1,"name":"s","options":"x"}\n')

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        (connection,) = gather(place(0, port=port), Hello("n0", "x"), signals)
        assert connection.name == "n1"
        connection.close()
        thread.join(60)
        caller.join(60)
