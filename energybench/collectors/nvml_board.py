"""What NVML says of a board, apart from its readings. The library comes as an argument:
collectors/nvml.py alone imports it.

Every query may be refused on its own (not supported, no permission, a function that an old library
lacks): the answer is then None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energybench.collectors.cuda_devices import Instance
from energybench.model import Condition, Gpu

_CLOCK_SM, _CLOCK_MEMORY = 1, 2  # nvmlClockType_t
_TEMPERATURE_GPU = 0  # nvmlTemperatureSensors_t
_PROFILES_WHOLE = (
    4,
    3,
)  # NVML_GPU_INSTANCE_PROFILE_7_SLICE, _4_SLICE (A30): all that MIG can hand out
_THROTTLE = {  # nvmlClocksThrottleReason*, nvml.h
    0x001: "gpu-idle",
    0x002: "applications-clocks",
    0x004: "sw-power-cap",
    0x008: "hw-slowdown",
    0x010: "sync-boost",
    0x020: "sw-thermal",
    0x040: "hw-thermal",
    0x080: "hw-power-brake",
    0x100: "display-clock",
    0x200: "board-limit",
    0x400: "reliability",
}


def ask(nvml: Any, name: str, *arguments: Any) -> Any:
    """The answer of one NVML query; None where it is refused or this version of the binding has no
    such function.
    """
    function: Callable[..., Any] | None = getattr(nvml, name, None)
    if function is None:
        return None
    try:
        return function(*arguments)
    except nvml.NVMLError:
        return None


def describe(nvml: Any, handle: Any, uuid: str, name: str, used: bool) -> Gpu:
    """Provenance of one board as it is now."""
    cuda = ask(nvml, "nvmlSystemGetCudaDriverVersion")
    pci = ask(nvml, "nvmlDeviceGetPciInfo", handle)
    memory = ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    limits = ask(nvml, "nvmlDeviceGetPowerManagementLimitConstraints", handle) or (None, None)
    ecc = ask(nvml, "nvmlDeviceGetEccMode", handle)
    persistence = ask(nvml, "nvmlDeviceGetPersistenceMode", handle)
    return Gpu(
        uuid=uuid,
        name=name,
        used=used,
        driver=_text(ask(nvml, "nvmlSystemGetDriverVersion")),
        cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        pci_bus_id=_text(pci.busId) if pci is not None else None,
        serial=_text(ask(nvml, "nvmlDeviceGetSerial", handle)),
        memory_bytes=int(memory.total) if memory is not None else None,
        power_limit_w=_watts(ask(nvml, "nvmlDeviceGetEnforcedPowerLimit", handle)),
        power_limit_default_w=_watts(ask(nvml, "nvmlDeviceGetPowerManagementDefaultLimit", handle)),
        power_limit_min_w=_watts(limits[0]),
        power_limit_max_w=_watts(limits[1]),
        sm_clock_mhz=ask(nvml, "nvmlDeviceGetClockInfo", handle, _CLOCK_SM),
        sm_clock_max_mhz=ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, _CLOCK_SM),
        memory_clock_mhz=ask(nvml, "nvmlDeviceGetClockInfo", handle, _CLOCK_MEMORY),
        memory_clock_max_mhz=ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, _CLOCK_MEMORY),
        persistence=None if persistence is None else bool(persistence),
        ecc=bool(ecc[0]) if ecc is not None else None,
        mig=mig_on(nvml, handle),
        temperature_c=_temperature(nvml, handle),
        throttle_reasons=_throttle(nvml, handle),
    )


def condition(nvml: Any, handle: Any, uuid: str, t_s: float) -> Condition:
    """State of one board now: three queries."""
    celsius, mhz = (
        _temperature(nvml, handle),
        ask(nvml, "nvmlDeviceGetClockInfo", handle, _CLOCK_SM),
    )
    return Condition(
        t_s=t_s,
        device=uuid,
        temperature_c=None if celsius is None else float(celsius),
        clock_mhz=None if mhz is None else float(mhz),
        throttle=_throttle(nvml, handle),
    )


def processes(nvml: Any, handle: Any) -> list[int]:
    """Process numbers, as the host counts them, of what computes on one board, its MIG instances
    included.
    """
    for query in (
        "nvmlDeviceGetComputeRunningProcesses",
        "nvmlDeviceGetComputeRunningProcesses_v2",
    ):
        found = ask(nvml, query, handle)
        if found is not None:
            return sorted({int(entry.pid) for entry in found})
    return []


def mig_on(nvml: Any, handle: Any) -> bool | None:
    mode = ask(nvml, "nvmlDeviceGetMigMode", handle)
    return None if mode is None else bool(mode[0])


def instances(nvml: Any, handle: Any) -> tuple[Instance, ...]:
    """The MIG compute instances of a board."""
    found = []
    for i in range(ask(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        instance = ask(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, i)
        uuid = ask(nvml, "nvmlDeviceGetUUID", instance) if instance is not None else None
        if uuid is None:
            continue  # numbers have gaps
        place, within = (
            ask(nvml, query, instance)
            for query in ("nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId")
        )
        attributes = ask(nvml, "nvmlDeviceGetAttributes", instance)
        sms = int(attributes.multiprocessorCount) if attributes is not None else None
        found.append(
            Instance(
                str(_text(uuid)),
                -1 if place is None else int(place),
                -1 if within is None else int(within),
                sms,
            )
        )
    return tuple(found)


def partition_sms(nvml: Any, handle: Any) -> int | None:
    """Multiprocessors of the instance that takes the whole board."""
    for profile in _PROFILES_WHOLE:
        info = ask(nvml, "nvmlDeviceGetGpuInstanceProfileInfo", handle, profile)
        if info is not None and info.multiprocessorCount:
            return int(info.multiprocessorCount)
    return None


def _temperature(nvml: Any, handle: Any) -> int | None:
    # nvmlDeviceGetTemperature is deprecated in favour of TemperatureV, which bindings before 12.570
    # and older drivers lack.
    for query in ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"):
        celsius = ask(nvml, query, handle, _TEMPERATURE_GPU)
        if celsius is not None:
            return int(celsius)
    return None


def _throttle(nvml: Any, handle: Any) -> str | None:
    for query in (
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
    ):
        mask = ask(nvml, query, handle)
        if mask is not None:
            return ", ".join(word for bit, word in _THROTTLE.items() if mask & bit) or "none"
    return None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1e3


def _text(value: str | bytes | None) -> str | None:
    """Old bindings answer bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
