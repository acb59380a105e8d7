"""limits: the highest memory bandwidth and arithmetic rates of this machine, from a read kernel and
square matrix products.
"""

from energybench_workloads.limits.workload import Limits

__all__ = ["Limits"]
