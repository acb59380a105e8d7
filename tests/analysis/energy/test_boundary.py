"""What is summed, what is not, and what has no sensor."""

from __future__ import annotations

import msgspec
import pytest

from energybench.analysis.energy.boundary import cover
from energybench.errors import BadInput
from energybench.model import Channel, Gpu, Host
from tests.analysis.truth import channel

RANGES = {
    "memory_w_per_gb": (0.2, 0.5, "s"),
    "gpu_w": (0.0, 1000.0, "s"),
    "package_w": (20.0, 500.0, "s"),
}


def rapl(device: str, component: str = "cpu.package", **changes: object) -> Channel:
    return channel(
        collector="rapl",
        device=device,
        component=component,
        resolution=1e-6,
        update_period_s=0.001,
        **changes,
    )


def gpu(uuid: str, used: bool = True, quantity: str = "energy") -> Channel:
    return channel(
        device=uuid,
        used=used,
        quantity=quantity,
        kind="counter" if quantity == "energy" else "power",
    )


def host(
    sockets: int = 1, gpus: tuple[str, ...] = (), memory: int | None = 256 * 10**9, **limits: float
) -> Host:
    return Host(
        name="n1",
        sockets=sockets,
        memory_bytes=memory,
        gpus=tuple(Gpu(uuid=uuid, name="A100", **limits) for uuid in gpus),
    )


def summed(found) -> set[str]:  # type: ignore[no-untyped-def]
    return {source.channel.id for source in found.sources}


def test_packages_and_memory_add_up_and_psys_does_not() -> None:
    """package contains core and uncore and not dram; psys contains all of them and is never summed
    with them.
    """
    channels = [
        rapl("package-0"),
        rapl("package-1"),
        rapl("package-0", "cpu.dram"),
        rapl("package-1", "cpu.dram"),
        rapl("psys", "platform", counts=False),
    ]
    found = cover("compute", channels, host(sockets=2), RANGES)
    assert summed(found) == {channel.id for channel in channels[:4]}
    assert not found.models


def test_a_counter_goes_before_a_power_reading_and_is_checked_by_it() -> None:
    """One channel a board is summed; the other cross-checks it."""
    found = cover(
        "device",
        [gpu("GPU-a", quantity="power_instant"), gpu("GPU-a")],
        host(gpus=("GPU-a",)),
        RANGES,
    )
    assert [source.channel.quantity for source in found.sources] == ["energy"]
    check = found.sources[0].check
    assert check is not None
    assert check.quantity == "power_instant"


def test_one_collector_a_component() -> None:
    """Cray's view of the CPU and the kernel's are one energy: the kernel's is taken."""
    channels = [
        rapl("package-0"),
        channel(collector="pm_counters", device="cpu", component="cpu.package"),
    ]
    found = cover("compute", channels, host(), RANGES)
    assert [
        source.channel.collector
        for source in found.sources
        if source.part.component == "cpu.package"
    ] == ["rapl"]


def test_memory_without_a_counter_is_modelled_by_what_is_installed() -> None:
    """AMD Zen has no DIMM counter: 256 GB are 51-128 W, in the energy and in its interval."""
    found = cover("compute", [rapl("package-0")], host(), RANGES)
    assert [(model.part.state, model.part.low_w, model.part.high_w) for model in found.models] == [
        ("modelled", pytest.approx(51.2), pytest.approx(128))
    ]


def test_memory_of_unknown_size_is_missing_not_zero() -> None:
    """It widens the interval upward."""
    found = cover("compute", [rapl("package-0")], host(memory=None), RANGES)
    assert found.models[0].part.state == "missing"
    assert (found.models[0].part.high_w or 0) > 0


def test_every_accelerator_present_belongs_to_compute() -> None:
    """A board without a reading is missing up to its limit; one the work was not given is measured
    and stands apart.
    """
    channels = [rapl("package-0"), gpu("GPU-a"), gpu("GPU-b", used=False)]
    found = cover(
        "compute", channels, host(gpus=("GPU-a", "GPU-b", "GPU-c"), power_limit_max_w=400.0), RANGES
    )
    assert {
        source.part.device: source.part.used
        for source in found.sources
        if source.part.component == "gpu.board"
    } == {"GPU-a": True, "GPU-b": False}
    assert [
        (m.part.device, m.part.high_w) for m in found.models if m.part.component == "gpu.board"
    ] == [("GPU-c", 400.0)]


def test_a_socket_without_a_counter_is_missing() -> None:
    """Two sockets, one readable."""
    found = cover("compute", [rapl("package-0")], host(sockets=2), RANGES)
    assert [
        (m.part.device, m.part.state) for m in found.models if m.part.component == "cpu.package"
    ] == [("package-1", "missing")]


def test_dies_are_their_package() -> None:
    """Two dies of each of two packages: four counters, no socket missing; a mirrored die is left
    out.
    """
    channels = [rapl(f"package-{p}-die-{d}") for p in range(2) for d in range(2)]
    whole = cover("compute", channels, host(sockets=2), RANGES)
    assert len([s for s in whole.sources if s.part.component == "cpu.package"]) == 4
    assert not [m for m in whole.models if m.part.component == "cpu.package"]
    mirrored = cover(
        "compute", channels, host(sockets=2), RANGES, mirrors=[channels[1].id, channels[3].id]
    )
    assert len([s for s in mirrored.sources if s.part.component == "cpu.package"]) == 2


def test_a_module_covers_what_it_contains() -> None:
    """GH200: the module's counter holds CPU, GPU and memory; none of them is added again."""
    module = channel(
        device="GPU-a", component="module", contains=("gpu.board", "cpu.package", "cpu.dram")
    )
    found = cover(
        "compute", [module, gpu("GPU-a"), rapl("package-0")], host(gpus=("GPU-a",)), RANGES
    )
    assert summed(found) == {module.id}
    assert not found.models


def test_a_node_boundary_needs_a_node_meter() -> None:
    """It is refused without one, with the remedy, and is the meter alone with one."""
    with pytest.raises(BadInput, match="no node meter of that kind"):
        cover("node-dc", [rapl("package-0")], host(), RANGES)
    meter = channel(collector="pm_counters", device="node", component="node")
    assert summed(cover("node-dc", [meter, rapl("package-0")], host(), RANGES)) == {meter.id}


def test_another_view_of_the_same_boards_hides_none() -> None:
    """pm_counters' accelerators have other names than NVML's: where it counts them all, none is
    missing.
    """
    boards = [
        channel(collector="pm_counters", device=f"accel{i}", component="gpu.board")
        for i in range(2)
    ]
    found = cover("compute", [rapl("package-0"), *boards], host(gpus=("GPU-a", "GPU-b")), RANGES)
    assert not [m for m in found.models if m.part.component == "gpu.board"]


@pytest.mark.parametrize(
    ("ids", "present", "missing"),
    [
        ((0, 2), "package-0", ["package-2"]),
        ((0, 2), "package-2", ["package-0"]),
        ((36, 37), "package-36", ["package-37"]),
        ((), "package-0", ["package-1"]),
    ],
)
def test_a_missing_socket_has_the_kernels_number(
    ids: tuple[int, ...], present: str, missing: list[str]
) -> None:
    """The part has the name that the sensors' doubts have."""
    machine = Host(name="n", sockets=2, socket_ids=ids, memory_bytes=256 * 10**9)
    found = cover("compute", [rapl(present), rapl(present, "cpu.dram")], machine, RANGES)
    devices = [m.part.device for m in found.models if m.part.component == "cpu.package"]
    assert devices == missing


@pytest.mark.parametrize(
    ("names", "boards", "missing"),
    [
        (("accel0", "accel1"), 2, 0),
        (("accel0", "accel1"), 4, 2),
        (("accel0",), 0, 0),
        ((), 3, 3),
        (("GPU-0", "accel0"), 3, 1),
    ],
)
def test_boards_under_names_of_their_own_are_counted(
    names: tuple[str, ...], boards: int, missing: int
) -> None:
    """As many boards are missing as the host has beyond the read ones."""
    machine = host(gpus=tuple(f"GPU-{i}" for i in range(boards)))
    found = cover("device", [gpu(name) for name in names], machine, RANGES)
    assert len(found.models) == missing


def test_a_sensor_of_all_boards_leaves_none_missing() -> None:
    """A single meter of all accelerators covers each of them."""
    total = msgspec.structs.replace(gpu("accel"), contains=("gpu.board",))
    assert not cover("device", [total], host(gpus=("GPU-a", "GPU-b")), RANGES).models


@pytest.mark.parametrize(
    ("packages", "memory", "sockets", "share"),
    [
        (("0-die-0", "0-die-1"), ("0-die-0", "0-die-1"), 1, 0.0),
        (("0-die-0", "0-die-1"), ("0-die-0",), 1, 0.5),
        (("0-die-0", "0-die-1"), ("0",), 1, 0.0),
        (("0", "1@intel-rapl:3"), ("0", "1@intel-rapl:3"), 2, 0.0),
        (("0-die-0", "1-die-0"), ("0-die-0",), 2, 0.5),
        (("0-die-0", "0-die-1", "1-die-0", "1-die-1"), ("0-die-0", "1-die-0"), 2, 0.5),
        (("0",), ("0",), 2, 0.5),
        (("0", "2"), ("2",), 2, 0.5),
        ((), ("0",), 2, 0.5),
    ],
)
def test_memory_without_a_counter_is_counted_by_sockets_and_dies(
    packages: tuple[str, ...], memory: tuple[str, ...], sockets: int, share: float
) -> None:
    """Whatever a name carries beside its package, measured memory is not modelled on top, and the
    memory of a socket or die without any counter is not left out.
    """
    channels = [rapl(f"package-{name}") for name in packages]
    channels += [rapl(f"package-{name}", "cpu.dram") for name in memory]
    found = cover("compute", channels, host(sockets=sockets), RANGES)
    modelled = [m.part.high_w for m in found.models if m.part.component == "cpu.dram"]
    assert modelled == ([] if share == 0 else [pytest.approx(128 * share)])


@pytest.mark.parametrize(
    ("packages", "memory", "sockets", "missing", "share"),
    [
        (("package-0",), ("package-0",), 2, 1, 0.5),
        (("package-0",), ("package-0", "package-1"), None, 1, 0.0),
        (("package-0", "package-1"), ("package-1",), None, 0, 0.5),
        (("cpu0", "cpu1"), ("cpu0", "cpu1"), 4, 2, 0.5),
        (("cpu",), ("memory",), 2, 0, 0.0),
    ],
)
def test_a_replayed_node_lacks_the_parts_of_its_other_sockets(
    packages: tuple[str, ...],
    memory: tuple[str, ...],
    sockets: int | None,
    missing: int,
    share: float,
) -> None:
    """Parts follow from the sockets that the host states and from sibling counters. One counter
    that names no socket may cover all sockets.
    """
    channels = [
        channel(collector="replay", device=device, component=component)
        for component, devices in (("cpu.package", packages), ("cpu.dram", memory))
        for device in devices
    ]
    machine = Host(name="n", sockets=sockets, memory_bytes=256 * 10**9)
    models = cover("compute", channels, machine, RANGES).models
    absent = [m.part.device for m in models if m.part.component == "cpu.package"]
    assert len(absent) == missing
    assert not {*absent} & {*packages}
    modelled = [m.part.high_w for m in models if m.part.component == "cpu.dram"]
    assert modelled == ([] if share == 0 else [pytest.approx(128 * share)])
