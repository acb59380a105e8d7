"""The other nodes of a workload, as seen by the bench of the leading node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from energybench.measuring.child import Link


class Peers(Protocol):
    """The benches of the other nodes of a workload, which repeat the steps of the first node's
    bench.

    fds     file descriptors that are readable after a message from another node
    parts   number of the nodes; the nodes share the work equally
    """

    @property
    def fds(self) -> tuple[int, ...]: ...

    @property
    def parts(self) -> int: ...

    def environment(self) -> Mapping[str, str]:
        """Variables for the worker of this node, in addition to the variables of this process."""

    def link(self, start: Callable[[], Link]) -> Link:
        """The worker of this node, with the workers of the other nodes behind it."""

    def approach(self, number: int, of: int | None) -> None:
        """Have the other nodes poll fast for the start of a repeat."""

    def ready(self) -> bool:
        """Whether the other nodes poll fast."""

    def keep(self, *, kept: bool) -> None:
        """Tell whether the last repeat counts, or restarts with more work."""

    def closed(self) -> bool:
        """Whether the other nodes have closed their windows of the repeat."""

    def of_all_nodes(self, own_j: Sequence[float]) -> Sequence[float]:
        """Energies of the finished repeats on all nodes, from the energies of this node."""


class NoPeers:
    """A bench without other nodes, for a workload on a single node."""

    @property
    def fds(self) -> tuple[int, ...]:
        return ()

    @property
    def parts(self) -> int:
        return 1

    def environment(self) -> Mapping[str, str]:
        return {}

    def link(self, start: Callable[[], Link]) -> Link:
        return start()

    def approach(self, number: int, of: int | None) -> None:
        pass

    def ready(self) -> bool:
        return True

    def keep(self, *, kept: bool) -> None:
        pass

    def closed(self) -> bool:
        return True

    def of_all_nodes(self, own_j: Sequence[float]) -> Sequence[float]:
        return own_j
