"""What a test does to its own process (replaced functions, blocked sockets, closed descriptors, a
fake file system) costs at most its energy, with one reason, and never its outcome, the counts of
its mocks or its descriptors.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pytest_plugin.runs import QUICK, Finished, Pytest, prepared


@pytest.fixture
def libraries() -> Path:
    """Libraries that block sockets, fake the file system, and replace functions."""
    return prepared("replacing")


def with_plugins(sessions: Pytest, libraries: Path) -> Pytest:
    return sessions._replace(packages=(*sessions.packages, libraries))


def are_measured(session: Finished, *names: str) -> bool:
    return all(session.has_energy(name + " ") for name in names)


def test_blocked_sockets(newest: Pytest, libraries: Path) -> None:
    """The connection to the sensors is no socket of the test."""
    sessions = with_plugins(newest, libraries)
    sessions.write(
        """
        import socket
        import pytest
        import pytest_socket

        def test_blocked(benchmark, energy_benchmark):
            with pytest.raises(pytest_socket.SocketBlockedError):
                socket.socket()
            assert benchmark(sum, [1]) == 1
        """
    )
    for quiet in ((), ("-q",)):
        session = sessions.measure(*QUICK, *quiet, "--disable-socket")
        assert session.code == 0, session.out
        assert are_measured(session, "test_blocked"), session.out


def test_a_fake_file_system(newest: Pytest, libraries: Path) -> None:
    """From the first test on, in every fixture of ours, and for the tests after it; its files and
    folders are the test's alone.
    """
    sessions = with_plugins(newest, libraries)
    sessions.write(
        """
        import os

        def test_fake(fs, benchmark):
            fs.create_file("/x/y", contents="mine")
            assert benchmark(lambda: open("/x/y").read()) == "mine"
            assert os.listdir("/x") == ["y"]

        def test_pedantic(fs, benchmark):
            fs.create_file("/x/y", contents="mine")
            assert benchmark.pedantic(lambda: open("/x/y").read(), rounds=3000) == "mine"
            assert os.listdir("/x") == ["y"]

        def test_own(fs, energy_benchmark):
            assert energy_benchmark(len, "abc") == 3

        def test_real(benchmark):
            benchmark(sum, [1])
        """
    )
    for order in ("test_fake or test_real", "test_own or test_pedantic"):
        session = sessions.measure(*QUICK, "-q", "-k", order)
        assert session.code == 0, session.out
        assert are_measured(session, *order.split(" or ")), session.out


def test_replaced_functions_see_the_calls_of_the_test_alone(
    newest: Pytest, libraries: Path
) -> None:
    """In the first test, where the sampling process would be started, too."""
    sessions = with_plugins(newest, libraries)
    sessions.write(
        """
        import os
        import tempfile
        import time
        from contextlib import ExitStack
        from unittest import mock
        import pytest

        NAMES = [
            "subprocess.run", "subprocess.Popen", "shutil.rmtree", "tempfile.mkdtemp",
            "socket.socket", "select.poll", "select.select", "builtins.open", "io.open",
            "pathlib.Path.read_bytes", "os.getpid", "os.close", "os.open", "os.read", "os.fstat",
            "os.pidfd_open", "os.posix_spawn", "os.waitpid", "os.listdir", "json.dumps",
            "json.loads", "fcntl.flock",
        ]

        @pytest.mark.parametrize("way", ["calls", "pedantic", "own"])
        def test_all(way, request):
            fixture = request.getfixturevalue("energy_benchmark" if way == "own" else "benchmark")
            patches = [mock.patch(name, side_effect=OSError(5, "replaced")) for name in NAMES]
            with ExitStack() as stack:
                replaced = [stack.enter_context(patch) for patch in patches]
                if way == "pedantic":
                    fixture.pedantic(time.sleep, args=(0.002,), rounds=60)
                else:
                    fixture(time.sleep, 0.002)
                called = [name for name, one in zip(NAMES, replaced) if one.called]
            assert called == []

        def test_mocker(benchmark, mocker):
            run = mocker.patch("subprocess.run")
            import subprocess
            benchmark.pedantic(lambda: subprocess.run(["git", "status"]), rounds=1)
            run.assert_called_once()

        def test_no_temporary_folder(benchmark, monkeypatch):
            monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
            benchmark(time.sleep, 0.001)

        def test_environment(benchmark):
            with mock.patch.dict(os.environ, {}, clear=True):
                benchmark(time.sleep, 0.001)

        def test_working_directory(benchmark, tmp_path, monkeypatch):
            gone = tmp_path / "gone"
            gone.mkdir()
            monkeypatch.chdir(gone)
            gone.rmdir()
            benchmark(time.sleep, 0.001)
        """
    )
    session = sessions.measure(*QUICK, "-q")
    assert session.code == 0, session.out
    names = ("test_all[calls]", "test_all[pedantic]", "test_all[own]")
    assert are_measured(session, *names), session.out
    names = ("test_no_temporary_folder", "test_environment", "test_working_directory")
    assert are_measured(session, *names), session.out


DESCRIPTORS = """
    import os
    import time

    def descriptors():
        return sorted(os.listdir("/proc/self/fd"))
"""


def test_a_check_of_descriptors(newest: Pytest) -> None:
    """The first test, and one after a test that closed all, have as many descriptors after their
    measurement as before.
    """
    newest.write(
        DESCRIPTORS
        + """
    def test_first(benchmark):
        before = descriptors()
        benchmark(time.sleep, 0.001)
        assert descriptors() == before

    def test_closes():
        os.closerange(10, 200)

    def test_next(energy_benchmark):
        before = descriptors()
        energy_benchmark(time.sleep, 0.001)
        assert descriptors() == before
    """
    )
    session = newest.measure(*QUICK, "-q", "-p", "no:faulthandler", "-p", "no:logging")
    assert session.code == 0, session.out
    assert are_measured(session, "test_first", "test_next"), session.out


def test_tests_that_close_all_descriptors(newest: Pytest) -> None:
    """A test, and a fixture after it, close descriptors that are not theirs: every test runs and
    has the outcome of its own calls, files of the tests stay theirs, and nothing is said at the
    end of the program.
    """
    newest.write(
        DESCRIPTORS
        + """
    import socket
    import pytest

    @pytest.fixture
    def closing():
        before = set(descriptors())
        yield
        for number in set(descriptors()) - before:
            try:
                os.close(int(number))
            except OSError:
                pass

    def test_before(benchmark):
        benchmark(time.sleep, 0.001)

    def test_closes(benchmark):
        benchmark(time.sleep, 0.001)
        os.closerange(10, 200)
        ends = [socket.socketpair() for _ in range(20)]
        benchmark.extra_info["ends"] = len(ends)
        for one, other in ends:
            one.send(b"mine")
            assert other.recv(100) == b"mine"
            assert not other.getblocking() or other.send(b"more") == 4
            assert one.recv(100) == b"more"
            one.detach(), other.detach()

    def test_pedantic(benchmark):
        os.closerange(10, 200)
        benchmark.pedantic(sum, args=([1],), rounds=3)

    def test_between(energy_benchmark):
        first = energy_benchmark.use("first")
        first(time.sleep, 0.001)
        os.closerange(10, 200)
        energy_benchmark.use("second")(time.sleep, 0.001)

    def test_fixture(closing, benchmark):
        benchmark(time.sleep, 0.001)

    def test_ordinary(closing):
        os.closerange(10, 200)

    def test_after(benchmark):
        benchmark(time.sleep, 0.001)
    """
    )
    session = newest.measure(*QUICK, "-p", "no:faulthandler", "-p", "no:logging")
    assert session.code == 0, session.out
    assert "7 passed" in session.lines[-1], session.out
    assert "Exception ignored" not in session.out
    assert are_measured(session, "test_before", "test_fixture", "test_after"), session.out
    lost = "    not alone: the test closed the lock that keeps other tests away"
    assert session.table.count(lost) == 2, session.out  # test_pedantic and the second use


def test_an_error_of_energybench_costs_the_energy_alone(newest: Pytest) -> None:
    """If a test has broken what the energy pass needs, the line of the test says how."""
    newest.write(
        """
        import pytest
        from unittest import mock

        BROKEN = [
            "energybench.api.caller_run.CallerRun.sensors",
            "energybench.api.caller_run.CallerRun.approach",
            "energybench.api.caller_run.CallerRun.result",
        ]

        @pytest.mark.parametrize("name", BROKEN)
        @pytest.mark.parametrize("way", ["calls", "pedantic", "own"])
        def test_it(name, way, request):
            fixture = request.getfixturevalue("energy_benchmark" if way == "own" else "benchmark")
            call = fixture.pedantic if way == "pedantic" else fixture
            with mock.patch(name, side_effect=RuntimeError("broken")):
                assert call(sum, ([1],) if way == "pedantic" else [1]) == 1
        """
    )
    session = newest.measure(*QUICK)
    assert session.code == 0, session.out
    lines = [line for line in session.table if "energybench failed in this test: Run" in line]
    assert len(lines) == 9, session.out
