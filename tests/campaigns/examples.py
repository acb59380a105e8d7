"""Campaign texts for tests."""

from __future__ import annotations

from pathlib import Path

from energybench.campaigns.campaign import Campaign
from energybench.campaigns.campaign_file import parse

FOLDER = Path("/home/ada/my campaigns")
HEAD = """\
schema = "energybench-campaign/1"
name = "trial"
title = "A trial"
repeats = 4
"""
SMALL = (
    HEAD
    + """
[cases.milc]
workload = "milc"
size = "smoke"
settings = { precision = "mixed", mass = 0.01 }

[cases.solver]
command = ["./solver", "my input.xml"]
repeats = 8

[platforms.cpu]
partition = "standard"

[platforms.gpu]
partition = "gpu"
device = "node"
gpus_per_node = 4
gpu_type = "a100"
constraint = "a100|h100"
account = "m123"
qos = "regular"
minutes = 30
setup = ["module load python"]

[[comparisons]]
baseline = "milc@cpu"
candidate = "milc@gpu"
"""
)


def campaign(text: str = SMALL) -> Campaign:
    return parse(text, "trial.toml", FOLDER)
