"""deepcam: climate segmentation with DeepLabv3+, after MLPerf HPC's DeepCAM; synthetic fields, or
CAM5's where the user has them.
"""

from energybench_workloads.deepcam.workload import Deepcam

__all__ = ["Deepcam"]
