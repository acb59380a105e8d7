"""The files of Slurm, as a pure function of the set-up. Source: slurm.conf(5) of version 22.05."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.simulators.slurm.node import CPUS, MEMORY_MIB, SOCKETS, Node


class SetUp(NamedTuple):
    """Properties in which the clusters of real sites differ.

    name            name of the cluster
    contain         PrologFlags=Contain: every job has the step `extern`, and Slurm's job row holds
                    the energy of this step instead of the sum of all steps
    energy_plug_in  AcctGatherEnergyType: rapl or none
    kill_wait_s     between SIGTERM and SIGKILL at the end of a job
    """

    name: str
    contain: bool = True
    energy_plug_in: str = "rapl"
    kill_wait_s: int = 3


class Ports(NamedTuple):
    controller: int
    nodes: Sequence[int]


class Accounting(NamedTuple):
    """Where slurmdbd and munged listen. port None: the cluster keeps no accounts."""

    munge_socket: Path
    port: int | None


def slurm_conf(
    set_up: SetUp,
    nodes: Sequence[Node],
    folder: Path,
    host: str,
    ports: Ports,
    accounting: Accounting,
) -> str:
    lines = [
        f"ClusterName={set_up.name}",
        f"SlurmctldHost={host}(127.0.0.1)",
        f"SlurmctldPort={ports.controller}",
        "SlurmUser=root",
        "SlurmdUser=root",
        "AuthType=auth/munge",
        "CredType=cred/munge",
        # A requeued job waits until its old credential has expired (see Job.start_again).
        f"AuthInfo=socket={accounting.munge_socket},cred_expire=10",
        f"StateSaveLocation={folder}/controller",
        f"SlurmctldPidFile={folder}/run/slurmctld.pid",
        f"SlurmctldLogFile={folder}/log/slurmctld.log",
        f"SlurmdSpoolDir={folder}/spool/%n",
        f"SlurmdPidFile={folder}/run/slurmd.%n.pid",
        f"SlurmdLogFile={folder}/log/slurmd.%n.log",
        # Nothing that needs control groups: the machine of the tests may be a container.
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        f"TaskProlog={folder}/task_prolog.sh",
        "JobAcctGatherType=jobacct_gather/linux",
        "JobAcctGatherFrequency=task=1,energy=1",
        f"AcctGatherEnergyType=acct_gather_energy/{set_up.energy_plug_in}",
        f"AcctGatherNodeFreq={0 if set_up.energy_plug_in == 'none' else 1}",
        "SlurmdParameters=config_overrides",  # nodes state more CPUs than the machine has
        "MpiDefault=none",
        "MailProg=/bin/true",
        "SwitchType=switch/none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        # By default a job that waits for its begin time may wait for another minute.
        "SchedulerParameters=sched_min_interval=10000,batch_sched_delay=0,bf_interval=1,"
        "sched_interval=1",
        "GresTypes=gpu",
        "ReturnToService=2",
        "SlurmctldTimeout=30",
        "SlurmdTimeout=30",
        f"KillWait={set_up.kill_wait_s}",
        "JobRequeue=1",
        "MinJobAge=3600",  # a finished job can be asked for until the end of the tests
        "InactiveLimit=0",
        "PreemptType=preempt/partition_prio",
        "PreemptMode=REQUEUE",
    ]
    if set_up.contain:
        lines.append("PrologFlags=Contain")
    if accounting.port is None:
        lines.append("AccountingStorageType=accounting_storage/none")
    else:
        lines += [
            "AccountingStorageType=accounting_storage/slurmdbd",
            "AccountingStorageHost=127.0.0.1",
            f"AccountingStoragePort={accounting.port}",
            f"AccountingStoragePass={accounting.munge_socket}",
            "AccountingStorageTRES=gres/gpu,gres/gpu:a100",
        ]
    lines += [_node(node, host, port) for node, port in zip(nodes, ports.nodes, strict=True)]
    return "\n".join([*lines, *partitions(nodes), ""])


def _node(node: Node, host: str, port: int) -> str:
    boards = f" Gres=gpu:a100:{len(node.boards)}" if node.boards else ""
    return (
        f"NodeName={node.name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} "
        f"Sockets={SOCKETS} CoresPerSocket={CPUS // SOCKETS} ThreadsPerCore=1 "
        f"RealMemory={MEMORY_MIB}{boards} State=UNKNOWN"
    )


def partitions(nodes: Sequence[Node]) -> list[str]:
    """
    cpu, gpu          nodes without and with boards
    wide              all nodes
    requeued          jobs that a job of partition `urgent` puts back into the queue
    cancelled         jobs that a job of partition `urgent` cancels
    urgent            takes nodes from the two partitions before
    """
    bare = ",".join(node.name for node in nodes if not node.boards)
    with_boards = ",".join(node.name for node in nodes if node.boards)
    everyone = ",".join(node.name for node in nodes)
    rows = {
        "cpu": f"Nodes={bare} Default=YES PriorityTier=5 PreemptMode=OFF",
        "gpu": f"Nodes={with_boards} PriorityTier=5 PreemptMode=OFF",
        "wide": f"Nodes={everyone} PriorityTier=5 PreemptMode=OFF",
        "requeued": f"Nodes={bare} PriorityTier=1 PreemptMode=REQUEUE",
        "cancelled": f"Nodes={bare} PriorityTier=1 PreemptMode=CANCEL",
        "urgent": f"Nodes={bare} PriorityTier=9 PreemptMode=OFF",
    }
    return [
        f"PartitionName={name} {row} MaxTime=INFINITE State=UP DefMemPerCPU=512"
        for name, row in rows.items()
        if "Nodes= " not in row
    ]


def gres_conf(nodes: Sequence[Node], folder: Path) -> str:
    lines = [
        f"NodeName={node.name} Name=gpu Type=a100 File={folder}/dev/nvidia"
        f"[0-{len(node.boards) - 1}]"
        for node in nodes
        if node.boards
    ]
    return "\n".join(["AutoDetect=off", *lines, ""])


CGROUP_CONF = """\
CgroupPlugin=cgroup/v1
ConstrainCores=no
ConstrainDevices=no
ConstrainRAMSpace=no
"""


def slurmdbd_conf(folder: Path, host: str, port: int, munge_socket: Path) -> str:
    return f"""\
AuthType=auth/munge
AuthInfo=socket={munge_socket}
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={folder}/run/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StoragePort=0
StorageUser=root
StorageLoc=slurm_accounts
"""
