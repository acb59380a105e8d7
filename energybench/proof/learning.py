"""The names in runs and results that --redact replaces, found by the fields that hold them."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from energybench.model import Channel, ChannelStats, Gpu, Host, Job, Measurement, NodeShare, Part
from energybench.proof.job_names import learn_job, replaced_job
from energybench.proof.pseudonyms import Pseudonyms
from energybench.store.job_header import JobHeader
from energybench.store.run import Header

# Fields of words of energybench, of digests and of pictures: they name nobody, and a name that is
# by chance a part of them must not change them.
_WORDS = frozenset(
    ("component", "collector", "contains", "sha256", "png", "media_type", "libraries", "version")
)


@cache
def kept_fields(kind: type[Any]) -> frozenset[str]:
    """The fields of a noun that hold no name: those of closed lists of words, and `_WORDS`."""
    hints = typing.get_type_hints(kind)
    return frozenset(
        name for name in kind.__struct_fields__ if name in _WORDS or _is_closed(hints[name])
    )


def _is_closed(hint: Any) -> bool:
    """Whether a field takes words of a list only."""
    if get_origin(hint) is Literal:
        return True
    arguments = [one for one in get_args(hint) if one is not type(None) and one is not Ellipsis]
    return bool(arguments) and all(map(_is_closed, arguments))


def learn(noun: Any, names: Pseudonyms) -> None:
    """Learn every name in a noun and in the nouns inside."""
    for inside in nouns_in(noun):
        if isinstance(inside, Host):
            _learn_host(inside, names)
        elif isinstance(inside, Job):
            learn_job(inside, names)
        elif isinstance(inside, NodeShare):
            names.learn_host(inside.node)
        elif isinstance(inside, Measurement | Header):
            names.learn("run", inside.id)
        elif isinstance(inside, JobHeader):
            names.learn("run", inside.id)
            for node in inside.nodes:
                names.learn_host(node)
        elif isinstance(inside, Channel | ChannelStats | Part):
            # "cpu.package" as a whole and in pieces: a host may be called "cpu"
            names.keep([inside.component, getattr(inside, "collector", "")])
    for text in texts_in(noun):
        names.learn_from(text)


def _learn_host(host: Host, names: Pseudonyms) -> None:
    names.learn_host(host.name)
    for identity in host.ids:
        kind, _, value = identity.partition(":")
        if kind == "name":
            names.learn_host(value)
        else:
            names.learn("name" if kind == "stated" else "id", value)
    for gpu in host.gpus:
        names.learn("serial", gpu.serial)
        _learn_board(gpu, names)


def _learn_board(gpu: Gpu, names: Pseudonyms) -> None:
    """The address of a board in the forms of NVML, of sysfs, and without the domain."""
    colons = (gpu.pci_bus_id or "").count(":")
    if gpu.pci_bus_id is None or colons not in (1, 2):
        return
    address = gpu.pci_bus_id if colons == 2 else f"0000:{gpu.pci_bus_id}"
    domain, bus, device = address.split(":")
    for form in (f"{domain[-4:]}:{bus}:{device}", f"{domain.rjust(8, '0')}:{bus}:{device}"):
        names.learn_board(form)


def nouns_in(value: Any) -> Iterator[msgspec.Struct]:
    """The noun and all nouns inside."""
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from nouns_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from nouns_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from nouns_in(item)


def texts_in(value: Any) -> Iterator[str]:
    """All texts of a value, keys too, without the fields that hold no name."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, msgspec.Struct):
        kept = kept_fields(type(value))
        for name in value.__struct_fields__:
            if name not in kept:
                yield from texts_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)


def replaced(value: Any, names: Pseudonyms) -> Any:
    """A copy of a value with pseudonyms in all texts and keys."""
    if isinstance(value, str):
        return names.text(value)
    if isinstance(value, Job):
        return msgspec.structs.replace(value, **replaced_job(value, names))
    if isinstance(value, msgspec.Struct):
        kept = kept_fields(type(value))
        return type(value)(
            **{
                name: getattr(value, name)
                if name in kept
                else _replaced_field(name, getattr(value, name), names)
                for name in value.__struct_fields__
            }
        )
    if isinstance(value, list | tuple):
        return type(value)(replaced(item, names) for item in value)
    if isinstance(value, dict):
        return {replaced(key, names): replaced(item, names) for key, item in value.items()}
    return value


def _replaced_field(name: str, value: Any, names: Pseudonyms) -> Any:
    if name == "command" and value is not None:
        return tuple(names.path(word) for word in value)  # a word may be a path with spaces
    return replaced(value, names)
