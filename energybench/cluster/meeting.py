"""How the processes of a workload on several nodes find each other: the process on the first node
listens, and the processes on other nodes connect.
"""

from __future__ import annotations

import hmac
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from energybench.cluster.messages import Lines, Message, line
from energybench.errors import BadInput
from energybench.measuring.child import WorkFailed
from energybench.measuring.signals import Signals, wait
from energybench.measuring.spawning import wait_for
from energybench.meeting_place import MeetingPlace
from energybench.units import counted

# srun starts the tasks within seconds; Python from a shared file system may take minutes.
JOIN_PATIENCE_S = 300.0
# Ports to try in turn: another job's first task may listen at the first port.
_PORTS = 16
_CONNECT_S = 2.0
_PAUSE_S = 0.2  # between two rounds over the ports


class Hello(NamedTuple):
    """The first message of a node's process.

    name     name of the node
    options  options common to all processes: version, workload, settings, rules
    """

    name: str
    options: str


class Connection:
    """Messages to and from the process of another node.

    number  of the node
    name    of the node
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.lines = Lines(connected.fileno())
        self.number, self.name = 0, ""

    @property
    def address(self) -> str:
        """Address of the connected node."""
        return str(self._socket.getpeername()[0])

    @property
    def ended(self) -> bool:
        return self.lines.ended

    def tell(self, **message: Any) -> None:
        """Send a message; without effect if the receiving process is gone."""
        try:
            self._socket.sendall(line(message))
        except OSError:
            return

    def next(self) -> Message | None:
        """The next message; None: no message has come."""
        self.lines.read()
        return self.lines.next()

    def close(self) -> None:
        self._socket.close()


def gather(place: MeetingPlace, hello: Hello, signals: Signals) -> list[Connection]:
    """Wait on the first node for the processes of the other nodes. Returns the connections in the
    order of the nodes.

    Raises BadInput if a process does not belong to this launch, and WorkFailed if a process does
    not come.
    """
    connections: dict[int, Connection] = {}
    pending: list[Connection] = []
    until_s = time.monotonic() + JOIN_PATIENCE_S
    try:
        with _listening(place) as listener:
            while len(connections) < place.nodes - 1:
                _wait(until_s, signals, (listener.fileno(), *(one.lines.fd for one in pending)))
                pending += _accepted(listener)
                pending = _sorted_out(pending, place, hello, connections)
                if time.monotonic() >= until_s:
                    raise WorkFailed(
                        f"{place.nodes - 1 - len(connections)} of {counted(place.nodes, 'task')} "
                        "did not come "
                        f"within {JOIN_PATIENCE_S:.0f} s; are all of them `energybench run`?"
                    )
    except (BadInput, WorkFailed):
        for one in connections.values():
            one.close()
        raise
    finally:
        for one in pending:
            one.close()
    return [connections[number] for number in sorted(connections)]


def _sorted_out(
    pending: list[Connection], place: MeetingPlace, hello: Hello, connections: dict[int, Connection]
) -> list[Connection]:
    """Move the connections with a first message to `connections`, and return the rest.

    Raises BadInput for a process outside this launch.
    """
    waiting = []
    for one in pending:
        message = one.next()
        if message is None and not one.ended:
            waiting.append(one)
        elif message is None or not _is_ours(message, place):
            one.close()
        else:
            one.number, one.name = message["number"], message["name"]
            _check(one, message, hello, connections)
            connections[one.number] = one
            one.tell(do="heard")
    return waiting


def _listening(place: MeetingPlace) -> socket.socket:
    """A socket at a port of the meeting place. Raises WorkFailed."""
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    for port in _ports(place):
        try:
            listener = socket.create_server(("", port), family=family, dualstack_ipv6=dual)
        except OSError:
            continue
        listener.setblocking(False)
        return listener
    raise WorkFailed(f"none of the ports {place.port} to {place.port + _PORTS - 1} is free here")


def _ports(place: MeetingPlace) -> Iterator[int]:
    yield from range(place.port, place.port + _PORTS)


def _accepted(listener: socket.socket) -> list[Connection]:
    connections: list[Connection] = []
    while True:
        try:
            connected, _ = listener.accept()
        except OSError:
            return connections
        connections.append(Connection(connected))


def _is_ours(message: Message, place: MeetingPlace) -> bool:
    """Whether a first message comes from a task of this launch."""
    key, number, name = (message.get(word) for word in ("key", "number", "name"))
    return (
        message["do"] == "hello"
        and isinstance(key, str)
        and hmac.compare_digest(key.encode(), place.key.encode())
        and isinstance(name, str)
        and isinstance(number, int)
        and 0 < number < place.nodes
    )


def _check(
    one: Connection, message: Message, hello: Hello, connections: Mapping[int, Connection]
) -> None:
    """Raises BadInput for a process outside this launch, and tells all connected processes."""
    names = {hello.name, *(other.name for other in connections.values())}
    error = None
    if one.number in connections or one.name in names:
        error = BadInput(
            "energybench run",
            f"two tasks run on node {one.name}, which would be counted twice",
            "one task a node: srun --ntasks-per-node=1, or torchrun --nproc-per-node 1",
        )
    elif message.get("options") != hello.options:
        error = BadInput(
            "energybench run",
            f"was started on node {one.name} with other options than on {hello.name}, or is "
            "another version there",
            "the same command on all nodes",
        )
    if error is not None:
        for connection in (one, *connections.values()):
            connection.tell(do="refused", what=[error.where, error.what, error.remedy])
        raise error


def connect(place: MeetingPlace, hello: Hello, signals: Signals) -> Connection:
    """Find the process on the first node. Raises WorkFailed without success."""
    until_s = time.monotonic() + JOIN_PATIENCE_S
    why = ""
    while time.monotonic() < until_s:
        for port in _ports(place):
            try:
                connection = Connection(
                    socket.create_connection((place.address, port), timeout=_CONNECT_S)
                )
            except OSError as error:
                why = error.strerror or str(error)
                continue
            connection.tell(
                do="hello",
                key=place.key,
                number=place.node,
                name=hello.name,
                options=hello.options,
            )
            message = awaited(connection, time.monotonic() + _CONNECT_S, signals)
            if message is not None and message["do"] in ("heard", "refused"):
                if message["do"] == "refused":
                    raise BadInput(*message["what"])
                return connection
            connection.close()
        _wait(time.monotonic() + _PAUSE_S, signals, ())
    raise WorkFailed(
        f"the task of the first node does not answer at {place.address} ({why}); if the nodes "
        "know it by another name, set MASTER_ADDR, RANK and WORLD_SIZE"
    )


def awaited(connection: Connection, until_s: float, signals: Signals | None) -> Message | None:
    """The next message; None: no message came in time. Raises WorkFailed after a signal; without
    `signals`, a signal does not end the waiting.
    """
    while True:
        message = connection.next()
        if message is not None or connection.ended or time.monotonic() >= until_s:
            return message
        if signals is None:
            wait_for((connection.lines.fd,), until_s - time.monotonic())
        else:
            _wait(until_s, signals, (connection.lines.fd,))


def _wait(until_s: float, signals: Signals, fds: tuple[int, ...]) -> None:
    wait(max(until_s - time.monotonic(), 0.0), signals, fds)
    if signals.received is not None:
        raise WorkFailed(f"{signals.received.name} came before all nodes had met")


def free_port() -> int:
    """A port of this node without a listener."""
    with socket.socket() as listening:
        listening.bind(("", 0))
        return int(listening.getsockname()[1])


def node_environment(place: MeetingPlace, address: str, port: int) -> dict[str, str]:
    """Variables of torch.distributed for the worker of a node: the node's processes count as one
    process.
    """
    return {
        "RANK": str(place.node),
        "WORLD_SIZE": str(place.nodes),
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
    }
