"""A real Slurm on this machine: a controller, and nodes in namespaces of their own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from tests.simulators.slurm import processes
from tests.simulators.slurm.configuration import (
    CGROUP_CONF,
    Ports,
    SetUp,
    gres_conf,
    slurm_conf,
)
from tests.simulators.slurm.job import Job
from tests.simulators.slurm.node import Node, limit_file, standard_nodes
from tests.simulators.slurm.site import SYSTEM_PATH, Site, live_sensors, nvml, open_mpi, stop

HERE = Path(__file__).parent
# JobName last: sacct does not mark a | in the name
SACCT_FIELDS = (
    "JobID,JobIDRaw,State,ExitCode,ElapsedRaw,Start,End,NNodes,NTasks,NodeList,AllocTRES,"
    "ConsumedEnergyRaw,JobName"
)
SMALL_KIB = 128
# Variables of an allocation or a launcher in which the tests themselves may run
_FOREIGN = ("SLURM", "SBATCH", "SRUN", "OMPI", "PMI", "CUDA", "NVMLSIM", "XDG_RUNTIME")


class Cluster:
    """`with Site() as site, Cluster(site, SetUp("name")) as cluster: …`"""

    def __init__(self, site: Site, set_up: SetUp, nodes: Sequence[Node] | None = None) -> None:
        self.site, self.set_up = site, set_up
        self.nodes = {node.name: node for node in nodes or standard_nodes()}
        self.folder = Path()
        self._namespaces: dict[str, str] = {}  # of the nodes that are up
        self._numbers = itertools.count(1)

    # ------------------------------------------------------------------ start and end

    def __enter__(self) -> Cluster:
        self.site.clusters += 1
        self.folder = self.site.folder / f"cluster{self.site.clusters}"
        try:
            self._start()
        except BaseException as error:
            logs = self.logs()
            self.__exit__(None, None, None)
            raise processes.NotStarted(f"{error}\n{logs}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self._namespaces):
            self._kill(name)
        stop(self.folder)

    @property
    def small(self) -> Path:
        """A shared file system that is soon full: SMALL_KIB in all, for all tests together."""
        return self.folder / "small"

    def _start(self) -> None:
        folder, nodes = self.folder, list(self.nodes.values())
        for each in (
            "bin",
            "controller",
            "dev",
            "here/tmp",
            "jobs",
            "log",
            "run",
            "sensors",
            "small",
        ):
            (folder / each).mkdir(parents=True)
        (folder / "bin/mpirun").symlink_to(open_mpi())
        (folder / "bin/nvidia-smi").symlink_to(HERE / "nvidia_smi.sh")
        # before the nodes, whose mount namespaces are copies
        options = f"size={SMALL_KIB}k,mode=1777"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", self.small], check=True)
        ports = processes.free_ports(1 + len(nodes))
        place = Ports(ports[0], ports[1:])
        text = slurm_conf(self.set_up, nodes, folder, self.site.host, place, self.site.accounting)
        (folder / "slurm.conf").write_text(text)
        (folder / "gres.conf").write_text(gres_conf(nodes, folder))
        (folder / "cgroup.conf").write_text(CGROUP_CONF)
        # Two nodes on one folder break srun --mpi=pmix.
        (folder / "mpi.conf").write_text(f"PMIxCliTmpDirBase={folder}/here/tmp\n")
        shutil.copy(HERE / "task_prolog.sh", folder)
        for i in range(max(len(node.boards) for node in nodes)):
            os.mknod(folder / f"dev/nvidia{i}", 0o20666, os.makedev(1, 3))
        with ThreadPoolExecutor() as pool:
            accounts = pool.submit(self._add_accounts)
            self._start_sensors()
            for node in nodes:
                self._write_node(node)
            accounts.result()
            processes.run_daemon(["slurmctld"], folder / "log/slurmctld.out", self._conf)
            list(pool.map(self.start_node, self.nodes))
        processes.wait_until(self._all_idle, "all nodes idle")

    def _add_accounts(self) -> None:
        name = self.set_up.name
        lines = (f"cluster {name}", "account test", f"user root account=test cluster={name}")
        if self.site.accounting.port is not None:
            self.run("sacctmgr", "-i", input="".join(f"add {line}\n" for line in lines))

    def _start_sensors(self) -> None:
        lines = [line for node in self.nodes.values() for line in node.sensor_lines()]
        (self.folder / "sensors.conf").write_text("".join(f"{line}\n" for line in lines))
        program = live_sensors() / "live_sensors"
        pid_file = self.folder / "run/sensors.pid"
        files = [self.folder / "sensors.conf", self.folder / "sensors", pid_file]
        processes.start_daemon([str(program), *map(str, files)], self.folder / "log/sensors.log")
        processes.wait_until(pid_file.exists, "live_sensors")

    def _write_node(self, node: Node) -> None:
        place = self.folder / "nodes" / node.name
        node.write(place)
        (place / "scratch").mkdir()
        (self.folder / "spool" / node.name).mkdir(parents=True)
        names = "".join(
            f"127.0.0.1 {name}\n" for name in ("localhost", self.site.host, *self.nodes)
        )
        (place / "root/etc/hosts").write_text(names)
        if node.boards:
            shutil.copy(nvml() / "libnvidia-ml.so.1", place / "here/lib")

    @property
    def _conf(self) -> dict[str, str]:
        return {"SLURM_CONF": f"{self.folder}/slurm.conf"}

    def _all_idle(self) -> bool:
        done = self.run("sinfo", "-h", "-N", "-o", "%T", check=False, timeout_s=5)
        return set(done.stdout.split()) == {"idle"}

    def logs(self) -> str:
        """The ends of all logs."""
        files = sorted([*(self.folder / "log").glob("*"), *(self.site.folder / "log").glob("*")])
        return "\n".join(f"== {file.name}\n{processes.end_of(file)}" for file in files)

    # ------------------------------------------------------------------ nodes

    def start_node(self, name: str) -> None:
        """Start a node: its namespaces, and slurmd in them."""
        sensors = processes.read_pid(self.folder / "run/sensors.pid")
        place = self.folder / "nodes" / name
        paths = map(str, (place, self.folder / "here", self.folder / "sensors" / name))
        namespaces = [f"--mount=/proc/{sensors}/ns/mnt", "unshare", "--uts", "--mount"]
        script = ["bash", str(HERE / "enter_node.sh"), *paths]
        processes.run_daemon(
            ["nsenter", *namespaces, *script, "slurmd", "-N", name],
            self.folder / f"log/{name}.out",
            self._conf,
        )
        pid_file = self.folder / f"run/slurmd.{name}.pid"
        processes.wait_until(lambda: processes.read_pid(pid_file), f"slurmd of {name}")
        namespace = processes.uts_namespace(processes.read_pid(pid_file) or 0)
        if namespace is None:
            raise processes.NotStarted(f"slurmd of {name} has ended")
        self._namespaces[name] = namespace

    def kill_node(self, name: str, *, tell_controller: bool = False) -> None:
        """All processes of a node end at once, as if the node had lost its power.

        tell_controller  Slurm learns it now, and not after SlurmdTimeout
        """
        self._kill(name)
        if tell_controller:
            self.run("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=killed")

    def revive_node(self, name: str) -> None:
        """Start a killed node again, with a new boot id as after a restart of the kernel."""
        place = self.folder / "nodes" / name / "root/proc/sys/kernel/random/boot_id"
        boot = self.nodes[name].identity(f"boot {next(self._numbers)} {self.folder}")
        place.write_text(f"{boot}\n")
        self.start_node(name)
        self.run("scontrol", "update", f"NodeName={name}", "State=RESUME", check=False)
        processes.wait_until(self._all_idle, "all nodes idle")

    def _kill(self, name: str) -> None:
        processes.kill_namespace(self._namespaces.pop(name))
        (self.folder / f"run/slurmd.{name}.pid").unlink(missing_ok=True)

    def truth_j(
        self,
        node: str,
        start_wall_s: float,
        end_wall_s: float,
        parts: Sequence[str] | None = None,
    ) -> float:
        """True energy of a node, or of some of its parts: package-0, dram, gpu0, …"""
        return self.nodes[node].truth_j(start_wall_s, end_wall_s, parts)

    def power_limit_w(self, node: str, board: int) -> float | None:
        """The power limit that a program has set on a board; None: never set."""
        file = limit_file(self.folder / "nodes" / node / "here", board)
        return float(file.read_text()) if file.is_file() else None

    # ------------------------------------------------------------------ clients

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the clients, which jobs inherit: `energybench` is this tree's, and the
        sensors are those of the node on which a process runs.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        here = self.folder / "here"  # every node has its own folder in this place
        root = os.path.abspath(HERE.parents[2])
        return {
            **kept,
            **self._conf,
            "PATH": f"{self.folder}/bin:{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "PYTHONPATH": os.pathsep.join(filter(None, [kept.get("PYTHONPATH"), root])),
            "LD_LIBRARY_PATH": f"{here}/lib",
            "NVMLSIM": f"{here}/nvmlsim.conf",
            "TMPDIR": f"{here}/tmp",
            "OMP_WAIT_POLICY": "passive",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1",
            # All nodes have the network of this machine.
            "OMPI_MCA_btl_tcp_if_include": "lo",
            "OMPI_MCA_oob_tcp_if_include": "lo",
        }

    def run(
        self,
        *command: str,
        timeout_s: float = 60.0,
        check: bool = True,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a client of Slurm to its end. Clients hang for minutes without a controller: every
        call has a limit.
        """
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            timeout=timeout_s,
            env=self.environment | dict(env or {}),
            cwd=folder or self.folder,
        )
        if check and done.returncode != 0:
            text = f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            raise RuntimeError(text)
        return done

    def srun(
        self, *command: str, timeout_s: float = 120.0, check: bool = False, **options: object
    ) -> subprocess.CompletedProcess[str]:
        """`cluster.srun("hostname", partition="cpu", nodes=2)`: a job with one step, to its end.

        Options are those of srun, and `folder`, `env` and `hide_boards` as for sbatch.
        """
        folder, env, words = self._taken_out(options)
        return self.run(
            "srun", *words, *command, timeout_s=timeout_s, check=check, env=env, folder=folder
        )

    def start_srun(self, *command: str, **options: object) -> subprocess.Popen[str]:
        """As srun, in the background."""
        folder, env, words = self._taken_out(options)
        return subprocess.Popen(
            ["srun", *words, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment | dict(env),
            cwd=folder,
        )

    def sbatch(self, script: str, *words: str, **options: object) -> Job:
        """`cluster.sbatch("srun hostname", partition="cpu", nodes=2, ntasks_per_node=2)`

        words        further words of the command line, such as ":" between components
        options      of sbatch; True for an option without a value
        folder       working directory; a new one by default
        env          more variables
        hide_boards  show each task only its own boards, as a control group of devices does
        """
        folder, env, options_words = self._taken_out(options)
        if not script.startswith("#!"):
            script = f"#!/bin/bash\n{script}\n"
        common = ["--parsable", "--open-mode=append", f"--output={folder}/%j.out"]
        done = self.run(
            "sbatch", *common, *options_words, *words, input=script, env=env, folder=folder
        )
        return Job(self, done.stdout.strip().partition(";")[0], folder)

    def _taken_out(self, options: Mapping[str, object]) -> tuple[Path, dict[str, str], list[str]]:
        """Folder, environment and words of the command line."""
        options = dict(options)
        folder = options.pop("folder", None) or self.folder / f"jobs/{next(self._numbers)}"
        env = options.pop("env", None) or {}
        hide = options.pop("hide_boards", False)
        assert isinstance(folder, Path)
        assert isinstance(env, Mapping)
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o777)  # for jobs of other users
        words = []
        for name, value in options.items():
            option = f"--{name.replace('_', '-')}"
            words.append(option if value is True else f"{option}={value}")
        return folder, {**env, "HIDE_BOARDS": "1" if hide else "0"}, words

    def sacct(self, job: Job, *options: str, timeout_s: float = 30.0) -> list[dict[str, str]]:
        """Rows of an ended job, its steps included, once the accounts are complete."""
        end_s = time.monotonic() + timeout_s
        while True:
            done = self.run("sacct", "-P", "-j", job.id, f"--format={SACCT_FIELDS}", *options)
            last = SACCT_FIELDS.count(",")
            head, *lines = [line.split("|", last) for line in done.stdout.splitlines()]
            rows = [dict(zip(head, line, strict=True)) for line in lines]
            parts = {row["JobID"] for row in rows if "." not in row["JobID"]}
            complete = all(row["End"] != "Unknown" for row in rows)
            if complete and len(parts) >= len(job.records):
                return rows
            if time.monotonic() > end_s:
                raise TimeoutError(f"sacct knows no end of job {job.id}:\n{done.stdout}")
            time.sleep(0.2)

    def cancel_all(self) -> None:
        """Cancel every job and wait until the nodes are free, between two tests."""
        with contextlib.suppress(RuntimeError):
            self.run("scancel", "--user=root")
        processes.wait_until(self._all_idle, "all nodes idle")
