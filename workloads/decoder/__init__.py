"""decoder: language models with random weights, attention eager or by torch's fused kernels,
generating or training.
"""

from energybench_workloads.decoder.workload import Decoder

__all__ = ["Decoder"]
