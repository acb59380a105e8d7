"""milc: staggered (HISQ-like) conjugate gradient of lattice QCD, a proxy for the MILC code."""

from energybench_workloads.milc.workload import Milc

__all__ = ["Milc"]
