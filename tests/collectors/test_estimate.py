"""The CPU model: names and TDPs, powers, and the CPU time of real process trees."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from energybench.collectors.estimate import CpuEstimate, power_model
from energybench.collectors.process_tree import ProcessTree
from energybench.collectors.tdp import Cpu, cpu, normal, table_path, tdp_w
from energybench.plugins import Unavailable
from tests.simulators import SystemClock, VirtualClock, context

BUSY = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


@pytest.mark.parametrize(
    ("name", "watts"),
    [
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 120),
        ("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", 205),
        ("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", 150),
        ("Intel(R) Xeon(R) Platinum 8480+", 350),
        ("Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz", 95),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", 28),
        ("AMD EPYC 7763 64-Core Processor", 280),
        ("AMD EPYC 9654 96-Core Processor", 360),
        ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", 280),
        ("AMD Ryzen 7 5800H with Radeon Graphics", 45),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", 28),
        ("AMD Ryzen 7 7840U w/ Radeon  780M Graphics", 28),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 55),
        ("AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G", 95),
        ("AMD A12-9800 RADEON R7, 12 COMPUTE CORES 4C+8G", 65),
        ("AMD FX(tm)-8350 Eight-Core Processor            ", 125),
        ("Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", 115),
        ("Intel(R) Xeon(R) CPU E5-2650L 0 @ 1.80GHz", 70),
        ("Intel(R) Core(TM) i7 CPU         920  @ 2.67GHz", 130),
        ("INTEL(R) XEON(R) PLATINUM 8592+", 350),
        ("Intel(R) Xeon(R) CPU Max 9480", 350),
        ("Ampere(R) Altra(R) Processor", None),
        ("AMD EPYC", None),
        ("AMD EPYC-Milan Processor", None),
        ("AMD EPYC 7763X 64-Core Processor", None),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", None),
        ("Intel(R) Xeon(R) Platinum 8480C", None),
        ("Intel Xeon Processor (Skylake, IBRS)", None),
        ("Intel Celeron 1200", None),  # the table says "29.32.9"
        ("Neoverse-V2", None),
        ("unknown CPU", None),
    ],
)
def test_tdp(name: str, watts: float | None) -> None:
    """The exact model or nothing: a similar name may belong to a different CPU."""
    assert tdp_w(name, table_path()) == watts


def test_the_table_is_read_without_an_import_of_codecarbon() -> None:
    """The import of codecarbon costs a second and looks for GPUs."""
    code = (
        "import sys; from energybench.collectors.tdp import table_path, tdp_w; print(tdp_w('AMD "
        "EPYC 7742', table_path())); "
        "print([m for m in ('codecarbon', 'pandas', 'torch', 'pynvml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["225.0", "[]"]


def test_no_table(tmp_path: Path) -> None:
    """Without codecarbon the TDP is unknown, not an error."""
    assert tdp_w("AMD EPYC 7742", None) is None
    assert tdp_w("AMD EPYC 7742", tmp_path / "none.csv") is None


def test_a_table_that_contradicts_itself(tmp_path: Path) -> None:
    """A name with two different values has no TDP."""
    table = tmp_path / "t.csv"
    table.write_text(
        "Name,TDP\nAMD EPYC 1,100\nAMD EPYC 1 64-Core Processor,200\nAMD EPYC 2,100\nAMD EPYC "
        "2,100.0\nAMD EPYC 3,0\n"
    )
    assert [tdp_w(f"AMD EPYC {i}", table) for i in (1, 2, 3)] == [None, 100, None]


def test_cpuinfo() -> None:
    """Sockets, threads, hypervisor and named cores as the kernel writes them."""
    entry = (
        "processor\t: {}\nmodel name\t: AMD EPYC 7763 64-Core Processor\nphysical id\t: "
        "{}\nflags\t\t: fpu hypervisor sse\n\n"
    )
    assert cpu("".join(entry.format(i, i % 2) for i in range(4))) == Cpu(
        "AMD EPYC 7763 64-Core Processor", 2, 4, True, 64
    )
    assert cpu(
        "processor\t: 0\nBogoMIPS\t: 2000.00\nFeatures\t: fp asimd\nCPU part\t: 0xd4f\n"
    ) == Cpu("unknown CPU", 1, 1, False, None)
    assert normal("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz") == "intel xeon gold 6248r"


def test_empty_fields_of_cpuinfo() -> None:
    """An empty name or socket is not a name or a socket."""
    block = "processor\t: {}\nmodel name\t: {}\nphysical id\t: {}\n\n"
    machine = cpu(block.format(0, "", "") + block.format(1, "Hygon C86 7285 32-core", "1"))
    assert (machine.name, machine.sockets, machine.threads, machine.cores_named) == (
        "Hygon C86 7285 32-core",
        1,
        2,
        32,
    )
    assert cpu(block.format(0, " ", " ")).name == "unknown CPU"


def test_power_model() -> None:
    """Sockets x TDP on bare metal; in a virtual machine with a named CPU the share of the visible
    threads; 4 W for each thread of an unknown CPU.
    """
    metal = power_model(Cpu("AMD EPYC 7763 64-Core Processor", 2, 256, False, 64), 280)
    assert (metal.max_w, metal.idle_w, metal.threads) == (560, pytest.approx(168), 256)
    assert power_model(Cpu("AMD EPYC 7763 64-Core Processor", 1, 16, True, 64), 280).max_w == 35
    unknown_share = power_model(Cpu("Intel(R) Xeon(R) Platinum 8480+", 1, 16, True, None), 350)
    assert unknown_share.max_w == 350
    assert "share of the CPU is not known" in unknown_share.words
    assert power_model(Cpu("AMD EPYC", 1, 2, True, None), None).max_w == 8


def proc_root(tmp_path: Path) -> Path:
    (tmp_path / "proc").symlink_to("/proc")
    return tmp_path


def test_idle_floor_and_full_load(tmp_path: Path) -> None:
    """Before the work starts the model gives its idle power; then the power follows the share of
    the threads that the processes of the work keep busy.
    """
    child = None
    clock = SystemClock()
    estimate = CpuEstimate()
    (channel,) = estimate.open(
        context(proc_root(tmp_path), clock=clock, work_pid=lambda: child.pid if child else None)
    )
    doubt, *_ = estimate.doubts()
    code, message, remedy = doubt.code, doubt.message, doubt.remedy
    model = power_model(
        cpu(Path("/proc/cpuinfo").read_text()),
        tdp_w(cpu(Path("/proc/cpuinfo").read_text()).name, table_path()),
    )
    first = estimate.read()[0]
    time.sleep(0.2)
    second = estimate.read()[0]
    assert (second.raw - first.raw) * channel.resolution / (
        second.t_s - first.t_s
    ) == pytest.approx(model.idle_w, rel=0.05)
    child = subprocess.Popen([sys.executable, "-c", BUSY.format(0.5)])
    child.wait()
    third = estimate.read()[0]
    busy_w = (model.max_w - model.idle_w) / model.threads
    extra_j = (third.raw - second.raw) * channel.resolution - model.idle_w * (
        third.t_s - second.t_s
    )
    # the start of the interpreter counts as well
    assert extra_j / busy_w == pytest.approx(0.5, abs=0.15)
    assert (channel.quality, channel.gain.u_rel, channel.gain.distribution) == (
        "estimated",
        0.2887,
        "rectangular",
    )
    assert channel.gain.key.startswith("gain:tdp-model:")
    assert code == "estimated-cpu"
    assert "±50 %" in message
    assert "RAPL" in remedy
    assert estimate.gpus() == ()


def test_no_proc(tmp_path: Path) -> None:
    """Without /proc the model has no load."""
    with pytest.raises(Unavailable, match="cpuinfo"):
        CpuEstimate().open(context(tmp_path))


# ---------------------------------------------------------------- the process tree


def own_children() -> float:
    """CPU time of this process's children, as the collector reads it."""
    return sum(os.times()[2:4])


class Watch:
    """A tree read on a virtual clock that is always late enough for a search of new processes.

    values  all values of the tree
    """

    def __init__(self) -> None:
        self.clock, self.tree, self.values = VirtualClock(), ProcessTree(), [0.0]

    def __call__(self, root: int | None) -> float:
        self.clock.t_s += 1
        self.values.append(self.tree.cpu_s(root, self.clock.now()))
        return self.values[-1]

    def monotone(self) -> bool:
        return self.values == sorted(self.values)


@pytest.fixture
def watch() -> Iterator[Watch]:
    tree = Watch()
    yield tree
    assert tree.monotone()


def shell(script: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        ["sh", "-c", script],
        env=os.environ | {"PY": sys.executable, "BUSY": BUSY.format(0.3)},
        **more,
    )


def test_a_shell_whose_children_come_and_go(watch: Watch) -> None:
    """Three busy children run one after another, and their shell waits for them: with frequent
    readings the time of every child counts once.
    """
    before_s = own_children()
    process = shell('for i in 1 2 3; do "$PY" -c "$BUSY"; done')
    while process.poll() is None:
        watch(process.pid)
        time.sleep(0.02)
    total_s = watch(process.pid)
    assert total_s == pytest.approx(own_children() - before_s, abs=0.12)
    assert total_s > 0.9


def test_a_tree_without_a_reading_during_its_life(watch: Watch) -> None:
    """A command shorter than a tick counts by the children time of this process."""
    before_s = own_children()
    process = shell('"$PY" -c "$BUSY"; "$PY" -c "$BUSY"')
    process.wait()
    assert watch(process.pid) == pytest.approx(own_children() - before_s, abs=0.03)


def test_children_side_by_side_and_grandchildren(watch: Watch) -> None:
    """Parallel children, with a shell between the root and the second child."""
    before_s = own_children()
    process = shell('"$PY" -c "$BUSY" & sh -c \'"$PY" -c "$BUSY"; true\' & wait')
    while process.poll() is None:
        watch(process.pid)
        time.sleep(0.03)
    assert watch(process.pid) == pytest.approx(own_children() - before_s, abs=0.12)


def test_a_child_that_outlives_its_parent(watch: Watch, tmp_path: Path) -> None:
    """A process that was read in the tree stays in the tree when init takes it over."""
    done = tmp_path / "done"
    orphan = f'"$PY" -c "$BUSY"; touch {done}; sleep 0.2'
    process = shell(f"sh -c '({orphan}) & sleep 0.2'; until [ -e {done} ]; do sleep 0.05; done")
    while process.poll() is None:
        watch(process.pid)
        time.sleep(0.02)
    assert watch(None) > 0.25


def test_threads_count(watch: Watch) -> None:
    """The time of a process holds the time of its threads, ended threads included."""
    code = (
        "import hashlib, threading\nwork = lambda: [hashlib.sha256(bytes(1 << 20)).digest() for _ "
        "in range(150)]\n"
    )
    code += (
        "threads = [threading.Thread(target=work) for _ in range(2)]\n[t.start() for t in "
        "threads]\n[t.join() for t in threads]\ninput()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    deadline_s = time.monotonic() + 240
    while watch(process.pid) < 0.15 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.communicate(b"\n")
    assert watch(process.pid) >= 0.15


def test_a_process_that_was_there_before() -> None:
    """CPU time from before the first reading does not belong to the work."""
    code = f"{BUSY.format(0.3)}input('ready')\n{BUSY.format(0.2)}input('done')"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.read(5) == b"ready"
    watch = Watch()
    assert watch(process.pid) == 0
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.read(4) == b"done"
    assert watch(process.pid) == pytest.approx(0.2, abs=0.06)
    process.communicate(b"\n")
    # After the wait the children time of this process holds the whole life of the child: the time
    # before the first reading must not come back.
    assert watch(process.pid) == pytest.approx(0.2, abs=0.08)


def test_one_command_after_another(watch: Watch) -> None:
    """Every repeat has a root of its own; the times add up."""
    before_s = own_children()
    for _ in range(3):
        process = shell('"$PY" -c "$BUSY"; true')
        while process.poll() is None:
            watch(process.pid)
            time.sleep(0.05)
        watch(None)
    assert watch(None) == pytest.approx(own_children() - before_s, abs=0.15)


def test_a_killed_tree(watch: Watch) -> None:
    """The CPU time of a killed root still counts."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    deadline_s = time.monotonic() + 240
    while (alive_s := watch(process.pid)) < 0.2 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0.2 <= alive_s <= watch(process.pid) < alive_s + 0.2


def test_a_reading_is_cheap() -> None:
    """Well under a millisecond for a few processes."""
    watch = Watch()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watch(process.pid)
    start_s = time.process_time()
    for _ in range(200):
        watch(process.pid)
    assert (time.process_time() - start_s) / 200 < 1e-3
    process.communicate(b"\n")
