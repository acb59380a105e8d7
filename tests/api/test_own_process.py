"""What a program does to its own process (descriptors, limits, replaced functions, directories)
costs results, with one reason, and neither its work nor its own files.
"""

from __future__ import annotations

import pytest

from tests.api.callers import Node

# Begin of a program: `told` gives "measured", or the reason why a block was not measured.
_TELLING = """
def told(block):
    return "measured" if block.energy_j else block.doubts[0].message

energybench.measure  # the modules are loaded, as by a block before
import energybench.api.results
"""


def test_descriptors_that_are_used_up(machine: Node) -> None:
    """The block runs, and says that the process could not be started; a block after the files are
    closed is measured.
    """
    caller = machine.run(
        _TELLING
        + """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
files = []
try:
    while True:
        files.append(os.open("/dev/null", 0))
except OSError:
    pass
for free in range(3):
    with energybench.measure("full", **OPTIONS) as block:
        print("ran")
    print(told(block))
    os.close(files.pop())
for file in files:
    os.close(file)
with energybench.measure("later", **OPTIONS) as later:
    spend(0.2)
print(told(later))
"""
    )
    assert caller.code == 0, caller.error
    assert caller.out.count("ran\n") == 3
    assert caller.out.count("Too many open files") == 3
    assert "the sampling process cannot be started: pidfd_open(2): Too many" in caller.out
    assert caller.out.endswith("\nmeasured\n")


def test_a_system_call_that_is_forbidden(machine: Node) -> None:
    """A container whose filter refuses pidfd_open(2): every block runs and says why."""
    caller = machine.run(
        _TELLING
        + """
import energybench.api.starting

def refused(pid):
    raise PermissionError(1, "Operation not permitted")

energybench.api.starting.pidfd_open = refused  # as the kernel would
for _ in range(2):
    with energybench.measure("block", **OPTIONS) as block:
        print("ran")
    print(told(block), block.doubts[0].remedy)
"""
    )
    assert caller.code == 0, caller.error
    assert caller.out.count("ran\n") == 2
    assert caller.out.count("pidfd_open(2): Operation not permitted let the program") == 2


@pytest.mark.parametrize("first", [0, 3])
def test_descriptors_that_the_program_closes(machine: Node, first: int) -> None:
    """Between two blocks: the second is measured, by another process. Inside a block: its reason
    names the program. Files that the program opens under the same numbers stay its own.
    """
    caller = machine.run(
        _TELLING
        + f"""
import socket
out = os.dup2(1, 200)

def say(words):
    os.write(out, (str(words) + "\\n").encode())

with energybench.measure("one", **OPTIONS):
    spend(0.2)
os.closerange({first}, 100)
with energybench.measure("two", **OPTIONS) as two:
    spend(0.2)
say(told(two))
with energybench.measure("three", **OPTIONS) as three:
    os.closerange({first}, 100)
    for _ in range(3 - {first}):
        os.open("/dev/null", os.O_RDWR)
    pairs = [socket.socketpair() for _ in range(12)]
    for one, other in pairs:
        one.send(b"own")
say(told(three))
with energybench.measure("four", **OPTIONS) as four:
    spend(0.2)
say(told(four))
say([other.recv(100) for one, other in pairs] == [b"own"] * 12)
for one, other in pairs:
    one.close()
    other.close()
"""
    )
    assert (caller.code, caller.error) == (0, "" if first == 0 else caller.error)
    assert caller.out.split("\n")[:4] == [
        "measured",
        "the program closed a descriptor of energybench, its connection to the sensors",
        "measured",
        "True",
    ]
    assert "Traceback" not in caller.error
    assert {"one", "two", "four"} <= {run.label for run in caller.runs}


def test_a_working_directory_that_is_gone(machine: Node) -> None:
    """A relative store has no place, and the block says so; an absolute one is written."""
    caller = machine.run(
        _TELLING
        + """
os.mkdir(STORE + "-gone")
os.chdir(STORE + "-gone")
os.rmdir(STORE + "-gone")
with energybench.measure("relative", **{**OPTIONS, "store": "results"}) as relative:
    print("ran")
print(told(relative))
with energybench.measure("absolute", **OPTIONS) as absolute:
    spend(0.2)
print(told(absolute))
"""
    )
    assert caller.code == 0, caller.error
    ran, relative, absolute = caller.out.split("\n")[:3]
    assert ran == "ran"
    assert relative == "the store results lies in the working directory, which was removed"
    assert absolute == "measured"


@pytest.mark.parametrize(
    "end",
    ["remove()", "empty()"],
    ids=["removed", "empty"],
)
def test_a_result_that_is_removed_before_it_is_read(machine: Node, end: str) -> None:
    """The block says that its result cannot be read."""
    caller = machine.run(
        _TELLING
        + f"""
import glob, shutil

def remove():
    # the sampling process may still be removing drafts from the directory of the run
    while directories := glob.glob(STORE + "/*removed*"):
        shutil.rmtree(directories[0], ignore_errors=True)

def empty():
    for name in glob.glob(STORE + "/*/run.json"):
        open(name, "w").close()

with energybench.measure("removed", **OPTIONS) as block:
    spend(0.2)
with energybench.measure("next", **OPTIONS) as following:
    spend(0.2)
while not glob.glob(STORE + "/*removed*/run.json"):
    time.sleep(0.02)
{end}
print(block, block.directory if hasattr(block, "directory") else "")
print([doubt.code for doubt in block.doubts])
"""
    )
    assert caller.code == 0, caller.error
    assert "not measured: the result in " in caller.out
    assert "['block-not-measured']" in caller.out


def test_functions_and_settings_that_the_program_replaces(machine: Node) -> None:
    """Every function through which a block might go is replaced before the first block, and no
    replacement is called; a default time limit of sockets is not waited for.
    """
    caller = machine.run(
        _TELLING
        + """
import io, json, pathlib, select, shutil, socket, subprocess, tempfile
from unittest import mock

names = [
    "subprocess.run", "subprocess.Popen", "socket.socket", "socket.socketpair", "select.poll",
    "select.select", "os.pidfd_open", "os.getpid", "os.close", "os.open", "os.read", "os.fstat",
    "os.posix_spawn", "os.waitpid", "os.kill", "json.dumps", "json.loads", "io.open",
    "builtins.open", "pathlib.Path.read_bytes", "time.sleep", "time.monotonic", "tempfile.mkdtemp",
    "shutil.rmtree",
]
socket.setdefaulttimeout(600)
patches = [mock.patch(name) for name in names]
replaced = [patch.start() for patch in patches]
with energybench.measure("block", **OPTIONS) as block:
    end = __import__("energybench.real_clock").real_clock.monotonic() + 0.3
    while __import__("energybench.real_clock").real_clock.monotonic() < end:
        pass
words = told(block)
calls = [name for name, one in zip(names, replaced) if one.called]
for patch in patches:
    patch.stop()
print(words, calls)
"""
    )
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "measured []"
