"""The GPU's load: an arithmetic kernel through the CUDA driver API, launched back to back through
the on-phases.

Run as `python -m energybench.calibrating.loads.cuda UUID/PCI-BUS-ID`; speaks the protocol of
loads/child.py. Needs the driver's libcuda.so.1 and nothing else: the kernel is PTX text,
compiled by the driver for the board at hand. Every launch is timed by the board
(loads/board_clock.py): a process that waits for a core changes the wave, and the wave says so.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections import deque
from ctypes import byref, c_char_p, c_int, c_uint, c_void_p
from typing import Any, NamedTuple

from energybench.calibrating.loads.board_clock import Launch, Probe, host_phases, location
from energybench.calibrating.loads.serving import asked, say
from energybench.measuring.forked import die_with_parent

_LIBRARY = "libcuda.so.1"
_MULTIPROCESSORS = 16  # CUdevice_attribute: MULTIPROCESSOR_COUNT
_BLOCKING_SYNC = 1  # CUevent_flags: the waiting process leaves its core to the poller
_THREADS, _BLOCKS_PER_SM = 256, 8  # 2048 threads: as many as a multiprocessor holds at once
# duration of one launch, and launches in the queue: the process may be kept from its core for
# 60 ms without a gap in the load; a longer queue would reach past the end of the shortest phase
# (0.23 s) on a board whose clocks still rise
_LAUNCH_S = 0.003
_QUEUED = 20
# tries to locate the board's clock: the quickest is the best, and on a busy machine about every
# second try is interrupted
_TRIES = 30
# (PTX version, target): the oldest target accepted by a driver compiles for every later board
_TARGETS = (("6.0", "sm_50"), ("6.3", "sm_75"))

# Eight independent chains of fused multiply-adds per thread, n turns per chain; the result is
# stored to keep the compiler from removing the work.
_PTX = """
.version {version}
.target {target}
.address_size 64
.visible .entry load(.param .u64 out, .param .u32 turns)
{{
    .reg .pred %more;
    .reg .b32 %left, %block, %size, %thread, %index;
    .reg .b64 %base, %offset;
    .reg .f32 %x<8>, %a, %b;
    ld.param.u64 %base, [out];
    ld.param.u32 %left, [turns];
    mov.u32 %block, %ctaid.x;
    mov.u32 %size, %ntid.x;
    mov.u32 %thread, %tid.x;
    mad.lo.u32 %index, %block, %size, %thread;
    cvt.rn.f32.u32 %x0, %index;
{copies}
    mov.f32 %a, 0f3F7FFFFE;
    mov.f32 %b, 0f3A83126F;
again:
{chains}
    sub.u32 %left, %left, 1;
    setp.ne.u32 %more, %left, 0;
    @%more bra again;
{sums}
    mul.wide.u32 %offset, %index, 4;
    cvta.to.global.u64 %base, %base;
    add.u64 %base, %base, %offset;
    st.global.f32 [%base], %x0;
    ret;
}}
"""


def ptx(version: str, target: str) -> bytes:
    """The kernel's text for one PTX version and target."""
    copies = "\n".join(
        f"    add.f32 %x{i}, %x0, 0f{0x3F800000 + (i << 16):08X};" for i in range(1, 8)
    )
    chains = "\n".join(f"    fma.rn.f32 %x{i}, %x{i}, %a, %b;" for _ in range(4) for i in range(8))
    sums = "\n".join(f"    add.f32 %x0, %x0, %x{i};" for i in range(1, 8))
    return _PTX.format(
        version=version, target=target, copies=copies, chains=chains, sums=sums
    ).encode()


class Missing(Exception):
    """(reason, remedy): this board cannot be driven."""


class Kernel:
    """A board's context, and the kernel loaded there."""

    def __init__(self, uuid: str, pci_bus_id: str) -> None:
        try:
            self._cuda = ctypes.CDLL(_LIBRARY)
        except OSError:
            raise Missing(
                f"{_LIBRARY} was not found",
                "install the NVIDIA driver; in a container use --gpus all (Docker) or --nv "
                "(Apptainer)",
            ) from None
        self._call("cuInit", c_uint(0))
        self._device = self._find(uuid, pci_bus_id)
        context = c_void_p()
        self._call("cuDevicePrimaryCtxRetain", byref(context), self._device)
        self._call("cuCtxSetCurrent", context)
        self._function = self._compiled()
        processors = c_int()
        self._call("cuDeviceGetAttribute", byref(processors), c_int(_MULTIPROCESSORS), self._device)
        self._blocks = processors.value * _BLOCKS_PER_SM
        self._out, self._turns = ctypes.c_uint64(), c_uint(1000)
        self._call("cuMemAlloc_v2", byref(self._out), ctypes.c_size_t(4 * self._blocks * _THREADS))
        self._arguments = (c_void_p * 2)(ctypes.addressof(self._out), ctypes.addressof(self._turns))
        self._begun, self._ended = self._events(), self._events()
        self._zero, self._probe = self._event(), self._event()
        self._call("cuEventRecord", self._zero, c_void_p())
        self._launch_s = _LAUNCH_S
        self._size()

    def _call(self, name: str, *arguments: Any) -> None:
        """Call the driver. Raises Missing with the driver's own words if the call fails."""
        function = getattr(self._cuda, name, None)
        if function is None:
            raise Missing(f"{_LIBRARY} has no {name}", "a CUDA driver of version 9 or newer")
        code = function(*arguments)
        if code:
            words = c_char_p()
            self._cuda.cuGetErrorString(c_int(code), byref(words))
            why = words.value.decode() if words.value else f"error {code}"
            raise Missing(
                f"CUDA does not work here: {name}: {why}",
                "run nvidia-smi; the board may be another job's, in exclusive mode or lost",
            )

    def _find(self, uuid: str, pci_bus_id: str) -> c_int:
        """The board by UUID, or by PCI bus id (a MIG instance has its own UUID and its board's bus
        id).
        """
        count = c_int()
        self._call("cuDeviceGetCount", byref(count))
        wanted = uuid.removeprefix("GPU-").replace("-", "").lower()
        for i in range(count.value):
            device, raw, bus = c_int(), (ctypes.c_ubyte * 16)(), ctypes.create_string_buffer(32)
            self._call("cuDeviceGet", byref(device), c_int(i))
            self._call("cuDeviceGetUuid", byref(raw), device)
            self._call("cuDeviceGetPCIBusId", bus, c_int(32), device)
            if bytes(raw).hex() == wanted or (
                pci_bus_id and _bus(bus.value.decode()) == _bus(pci_bus_id)
            ):
                return device
        raise Missing(
            f"CUDA does not show this board (boards shown: {count.value})",
            "name it in CUDA_VISIBLE_DEVICES, or ask for it in the job",
        )

    def _compiled(self) -> c_void_p:
        module, function = c_void_p(), c_void_p()
        for i, (version, target) in enumerate(_TARGETS):
            try:
                self._call("cuModuleLoadData", byref(module), c_char_p(ptx(version, target)))
                break
            except Missing:
                if i == len(_TARGETS) - 1:
                    raise
        self._call("cuModuleGetFunction", byref(function), module, c_char_p(b"load"))
        return function

    def _events(self) -> list[c_void_p]:
        return [self._event() for _ in range(_QUEUED)]

    def _event(self) -> c_void_p:
        event = c_void_p()
        self._call("cuEventCreate", byref(event), c_uint(_BLOCKING_SYNC))
        return event

    def _board_s(self, event: c_void_p) -> float:
        """Time of an event that is over, on the board's clock, from the first event on."""
        milliseconds = ctypes.c_float()
        self._call("cuEventElapsedTime", byref(milliseconds), self._zero, event)
        return milliseconds.value / 1e3

    def _size(self) -> None:
        """Choose turns for launches of a few milliseconds. The first launch loads the code and is
        not timed.
        """
        for _ in range(6):
            self._launch(0)
            self._launch(1)
            launch = self._over(1)
            self._launch_s = launch.end_s - launch.begin_s
            if 0.5 * _LAUNCH_S < self._launch_s < 2 * _LAUNCH_S:
                return
            self._turns.value = int(
                min(max(self._turns.value * _LAUNCH_S / max(self._launch_s, 1e-6), 1), 1 << 30)
            )

    def _launch(self, place: int) -> float:
        """Launch the kernel between the two events of a place in the queue. Returns the time that
        the calls took: a board that was idle began the kernel so much later than the first event,
        at most.
        """
        one, none = c_uint(1), c_void_p()
        called_s = time.monotonic()
        self._call("cuEventRecord", self._begun[place], none)
        self._call(
            "cuLaunchKernel",
            self._function,
            c_uint(self._blocks),
            one,
            one,
            c_uint(_THREADS),
            one,
            one,
            c_uint(0),
            none,
            self._arguments,
            none,
        )
        late_s = time.monotonic() - called_s
        self._call("cuEventRecord", self._ended[place], none)
        return late_s

    def _over(self, place: int, late_s: float = 0.0) -> Launch:
        """Wait for the launch at a place in the queue."""
        self._call("cuEventSynchronize", self._ended[place])
        return Launch(self._board_s(self._begun[place]), self._board_s(self._ended[place]), late_s)

    def run(self, start_s: float, end_s: float) -> list[Launch]:
        """Keep the board busy until the queue has run empty at the end: the launches."""
        time.sleep(max(0.0, start_s - time.monotonic()))
        launches: list[Launch] = []
        queue: deque[Queued] = deque()
        place = 0
        while True:
            # fill the queue up to the end of the phase
            while (
                len(queue) < _QUEUED
                and time.monotonic() + len(queue) * self._launch_s < end_s - self._launch_s / 2
            ):
                queue.append(Queued(place, self._launch(place)))
                place = (place + 1) % _QUEUED
            if not queue:
                return launches
            launches.append(self._over(*queue.popleft()))
            self._launch_s = max(launches[-1].end_s - launches[-1].begin_s, 1e-6)

    def probes(self) -> list[Probe]:
        """Events on the idle board, each between two looks at the host's clock."""
        probes = []
        for _ in range(_TRIES):
            before_s = time.monotonic()
            self._call("cuEventRecord", self._probe, c_void_p())
            self._call("cuEventSynchronize", self._probe)
            after_s = time.monotonic()
            probes.append(Probe(self._board_s(self._probe), before_s, after_s))
        return probes


class Queued(NamedTuple):
    """A launch under way: its place in the queue, and the time that its calls took."""

    place: int
    late_s: float


def _bus(text: str) -> str:
    """'00000000:3B:00.0' (NVML) and '0000:3b:00.0' (CUDA) are the same place."""
    domain, _, rest = text.lower().partition(":")
    return f"{int(domain or '0', 16):x}:{rest}"


def main(board: str) -> None:
    """Serve one wave."""
    die_with_parent()
    uuid, _, pci = board.partition("/")
    try:
        kernel = Kernel(uuid, pci)
        say(ready="an arithmetic kernel on every multiprocessor")
        phases = asked()
        if phases:
            before = kernel.probes()
            launches = [launch for phase in phases for launch in kernel.run(*phase)]
            clock = location(before, kernel.probes())
            taken, edge_u_s = host_phases(launches, clock)
            say(taken=[taken], busy=1.0, edge_u_s=edge_u_s)
    except Missing as error:
        say(unavailable=list(error.args))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
