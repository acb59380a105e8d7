"""limits: what this machine's memory and arithmetic reach at most: a read kernel and square matrix
products.
"""

from energybench_workloads.limits.workload import Limits

__all__ = ["Limits"]
