"""Names of effects for readers: "gpu.board 2 of 4: gain". The identity of a device (the UUID of a
board, the name of a node) stands in the key of the effect only, because a reader cannot tell one
UUID from another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from energybench.model import MEMORY, Effect, Measurement

# Components whose devices are accelerators, and therefore have an identity as their name.
_ACCELERATORS = ("gpu.", "module")


class EffectNames:
    """The names of the effects of one value.

    effects  all effects of the value
    runs     the measurements behind the value, as far as they are known: their accelerators are
             counted too, in the order of the nodes' drivers
    """

    def __init__(self, effects: Iterable[Effect], runs: Sequence[Measurement] = ()) -> None:
        hosts = [host for run in runs for host in (run.host, *run.hosts)]
        boards = list(dict.fromkeys(gpu.uuid for host in hosts for gpu in host.gpus))
        devices: dict[str, dict[str, None]] = {}
        for effect in effects:
            if effect.device and _is_numbered(effect):
                devices.setdefault(effect.component, {})[effect.device] = None
        self._devices: dict[str, list[str]] = {}
        for component, named in devices.items():
            known = [] if named.keys().isdisjoint(boards) else boards
            others = sorted(device for device in named if device not in known)
            self._devices[component] = [*known, *others]

    def place(self, effect: Effect) -> str:
        """'gpu.board 2 of 4', 'cpu.package package-0', or 'cpu.dram' of the only node."""
        if not effect.device or not _is_numbered(effect):
            return f"{effect.component} {effect.device}".strip()
        devices = self._devices[effect.component]
        if len(devices) == 1:
            return effect.component
        node = "of node " if effect.component == MEMORY else ""
        number = devices.index(effect.device) + 1
        return f"{effect.component} {node}{number} of {len(devices)}"

    def name(self, effect: Effect) -> str:
        """The name of an effect, with its place in the words of `place`."""
        stated = f"{effect.component} {effect.device}: "
        if not effect.device or not effect.name.startswith(stated):
            return effect.name
        return f"{self.place(effect)}: {effect.name.removeprefix(stated)}"


def _is_numbered(effect: Effect) -> bool:
    """Whether the device of an effect is an identity: of an accelerator, or of the node with a
    model of the memory. Sockets and meters have plain names.
    """
    if effect.component == MEMORY:
        return effect.sensor == "model"
    return effect.component.startswith(_ACCELERATORS)
