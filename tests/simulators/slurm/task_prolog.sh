#!/bin/sh
# Slurm runs this before each task; lines "export NAME=VALUE" change the environment of the task.
#
# ConstrainDevices=yes shows each task its own boards alone, numbered from 0. Without control groups the simulated NVML
# does the same by NVMLSIM_BOARDS, for jobs with HIDE_BOARDS=1 in their environment.
[ "${HIDE_BOARDS:-0}" = 1 ] || exit 0
boards=${CUDA_VISIBLE_DEVICES:-}
echo "export NVMLSIM_BOARDS=${boards:-none}"
[ -n "$boards" ] || exit 0
numbers= number=0
for _ in $(echo "$boards" | tr , ' '); do
  numbers=$numbers${numbers:+,}$number
  number=$((number + 1))
done
echo "export CUDA_VISIBLE_DEVICES=$numbers"
