#!/usr/bin/env bash
# The check on a machine with an NVIDIA GPU, ten minutes at most: tests, sensors, limits, workloads, and the CPU
# against the GPU. Needs a python with a CUDA build of torch, and no network.
#
#   make gpu-wheels                        with a network: fills build/gpu-wheels
#   benchmarks/gpu_check.sh                on the machine with the GPU
#   DEVICE=cpu benchmarks/gpu_check.sh     tries this script without a GPU, at tiny sizes
#
# Writes into $OUT, after each step: summary.md, and reference.tar.gz for reports/reference (runs, profiles, logs and
# their provenance). Each step has a time limit; a step that fails does not stop the others. A step for which less than
# half of its limit is left is skipped. Exit code 1 if a step failed, ran out of time or was skipped, 128 + N after
# signal N. A goal that was missed is in the summary and is not a failure of the check.
#
# Variables, all optional: OUT, DEVICE, WHEELS, BUDGET_S; PYTHON: the python that has torch; VENV: where the project is
# installed; STEPS: names of the steps to take; LIMIT_S: the most seconds for any step; REVISION: of a copy without git.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

PYTHON=${PYTHON:-python3} DEVICE=${DEVICE:-cuda} WHEELS=${WHEELS:-build/gpu-wheels} VENV=${VENV:-build/gpu-venv}
BUDGET_S=${BUDGET_S:-570} LIMIT_S=${LIMIT_S:-570} STEPS=${STEPS:-} GRACE_S=15
OUT=$(mkdir -p "${OUT:-build/gpu-check}" && cd "${OUT:-build/gpu-check}" && pwd) || exit 1
SCRATCH=$(mktemp -d) || exit 1
RUN=$SCRATCH/reference
mkdir -p "$RUN/logs" "$RUN/profiles"
export ENERGYBENCH_PROFILES=$RUN/profiles REVISION=${REVISION:-}
UNDONE=0 STOPPED='' STOP_CODE=0 RUNNING=''

# ---------------------------------------------------------------- how a step is taken

# step NAME SECONDS COMMAND…: standard output goes to NAME.json, the rest to logs/NAME.txt
step() {
  local name=$1 limit_s=$2 left_s begin code
  shift 2
  wanted "$name" || return 0
  ((limit_s > LIMIT_S)) && limit_s=$LIMIT_S
  left_s=$((BUDGET_S > SECONDS ? BUDGET_S - SECONDS : 0))
  if [ -n "$STOPPED" ]; then
    note "$name" 0 "skipped: $STOPPED" "$@"
    return 1
  elif ((2 * left_s < limit_s)); then
    note "$name" 0 "skipped: no time left ($left_s s of the $limit_s s it may take)" "$@"
    return 1
  fi
  ((limit_s > left_s)) && limit_s=$left_s
  begin=$EPOCHREALTIME
  # in the background: a signal then ends `wait`, and timeout passes it on to the step
  timeout --kill-after=$GRACE_S "$limit_s" "$@" >"$RUN/$name.json" 2>"$RUN/logs/$name.txt" </dev/null &
  RUNNING=$!
  wait "$RUNNING"
  code=$?
  while [ -n "$(jobs -rp)" ]; do wait "$RUNNING"; done # a signal had ended the first wait
  RUNNING=''
  note "$name" "$(since "$begin")" "$(outcome "$code" "$(since "$begin")" "$limit_s" "$RUN/$name.json")" "$@"
}

outcome() {
  local code=$1 took_s=$2 limit_s=$3 result=$4
  if [ -n "$STOPPED" ]; then
    echo "stopped: $STOPPED"
  elif ((code == 0)); then
    echo "done"
  elif ((code == 124 || code == 137)) && ((${took_s%.*} >= limit_s)); then
    echo "out of time: stopped after $limit_s s"
  elif ((code > 128)); then
    echo "failed: killed by signal $((code - 128))"
  elif ((code == 1)) && [ -s "$result" ]; then
    echo "done: a check in it failed" # pytest and energybench: 1 with a result
  else
    echo "failed: exit code $code"
  fi
}

# note NAME SECONDS OUTCOME COMMAND…: a line of steps.tsv; then the results so far go to $OUT
note() {
  local name=$1 took_s=$2 result=$3
  shift 3
  printf '%s\t%s\t%s\t%s\n' "$name" "$took_s" "$result" "${*//$SCRATCH\//}" >>"$RUN/steps.tsv"
  printf '%-16s %7s s  %s\n' "$name" "$took_s" "$result"
  pack
  case $result in done*) return 0 ;; esac
  UNDONE=1
  tail -n 3 "$RUN/logs/$name.txt" 2>/dev/null | sed 's/^/    /'
  return 1
}

pack() {
  "$PYTHON" benchmarks/gpu_summary.py "$RUN" >"$RUN/README.md" || UNDONE=1
  cp "$RUN/README.md" "$OUT/summary.md"
  tar -C "$SCRATCH" -czf "$OUT/reference.tar.gz.part" reference && mv "$OUT/reference.tar.gz.part" "$OUT/reference.tar.gz"
}

# shellcheck disable=SC2317 # called by traps
stop() {
  STOPPED="the check received SIG$1" STOP_CODE=$2
  [ -n "$RUNNING" ] && kill -TERM "$RUNNING" 2>/dev/null
}

wanted() { [ -z "$STEPS" ] || [[ $1 == install || $1 == facts ]] || [[ " $STEPS " == *" $1 "* ]]; }
fact() { "$PYTHON" benchmarks/gpu_summary.py "$RUN" --fact "$1"; }
run() { "$PYTHON" benchmarks/gpu_summary.py "$RUN" --run "$1"; }
since() { LC_ALL=C awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# on_gpu NAME …: a step that only a GPU can take
on_gpu() {
  if [ "$DEVICE" = cuda ]; then
    step "$@"
  elif wanted "$1"; then
    note "$1" 0 "done: nothing to do without a GPU" "${@:3}"
  fi
}

trap 'stop TERM 143' TERM
trap 'stop INT 130' INT
trap 'stop HUP 129' HUP
trap 'rm -rf "$SCRATCH"' EXIT

# ---------------------------------------------------------------- the project, installed beside the machine's torch

installed() { "$1" -P -c 'import sys, energybench, energybench_workloads
from importlib.util import find_spec
there = all(map(find_spec, ("opacus", "torch")))  # importing both takes seconds
sys.exit(not (there and energybench.__file__.startswith(sys.argv[1])))' "$PWD/" >/dev/null 2>&1; }

# The machine's python may itself be a virtual environment, whose packages --system-site-packages would not show: a
# .pth file names its folders.
# shellcheck disable=SC2317 # called by bash -c
install() {
  set -e
  "$PYTHON" -m venv --without-pip "$VENV"
  "$PYTHON" -c 'import sys; print(*[p for p in sys.path if p.endswith(("site-packages", "dist-packages"))], sep="\n")' \
    >"$(echo "$VENV"/lib/python3*/site-packages)/machine.pth"
  local offline=(--no-index --find-links "$WHEELS" --no-build-isolation --no-compile --quiet --disable-pip-version-check)
  "$PYTHON" -m pip --python "$VENV/bin/python" install "${offline[@]}" setuptools wheel
  "$PYTHON" -m pip --python "$VENV/bin/python" install "${offline[@]}" \
    -e . opacus dp-accounting scikit-learn pytest pytest-timeout hypothesis
}

if installed "$PYTHON"; then
  PY=$PYTHON
elif installed "$VENV/bin/python"; then
  PY=$VENV/bin/python
else
  PY=$VENV/bin/python
  export PYTHON WHEELS VENV
  export -f install
  step install 120 bash -c install || STOPPED=${STOPPED:-the project could not be installed}
fi
eb=("$PY" -m energybench)

# ---------------------------------------------------------------- sizes

if [ "$DEVICE" = cuda ]; then
  brief=(--idle 3 --repeats 5 --min-window 1 --max-warm-up 20 --json --out "$RUN/runs")
  milc=(--size 24 --set precision=mixed)
  sdpa=(--size S)
  dpsgd=(--size conv6)
  deepcam=(--size S)
  large=(--size L --steps 12 --set samples=16 --set held=2 --set precision=bf16)
  passes=(--variant graphs=false --variant graphs=true)
else
  brief=(--idle 0 --repeats 1 --min-window 0.1 --max-warm-up 1 --json --out "$RUN/runs")
  milc=(--size smoke --set precision=mixed --set lattice=4x4x4x4 --set kernels=eager)
  sdpa=(--size smoke --set iterations=1 --set batch=1 --set seq=64 --set heads=2)
  dpsgd=(--size smoke --steps 1)
  deepcam=(--size smoke --steps 1 --set samples=2 --set held=1)
  large=("${deepcam[@]}" --set precision=fp32)
  passes=()
fi

# ---------------------------------------------------------------- the steps

step facts 60 "$PY" benchmarks/gpu_facts.py "$DEVICE" || STOPPED=${STOPPED:-the machine does not have what the check needs}
deepcam+=(--set "precision=$(fact precision)") # one format for CPU and GPU: bf16 if the CPU has it

step doctor 30 "${eb[@]}" doctor --json
on_gpu tests 150 "$PY" -m pytest -q -m gpu -p no:cacheprovider --junitxml "$RUN/tests.xml" tests/workloads

on_gpu calibrate 45 "${eb[@]}" calibrate --no-limits --seconds 12 --drive "$(fact gpu_uuid)" --json
on_gpu limits 120 "${eb[@]}" calibrate --limits-only --drive "$(fact gpu_uuid)" --json

step milc 100 "${eb[@]}" run milc --device "$DEVICE" "${milc[@]}" "${brief[@]}"
step deepcam-L 150 "${eb[@]}" run deepcam --device "$DEVICE" "${large[@]}" "${passes[@]}" "${brief[@]}"

step milc-cpu 100 "${eb[@]}" run milc --device cpu "${milc[@]}" "${brief[@]}"
step milc-compare 15 "${eb[@]}" compare "$(run milc-cpu)" "$(run milc)" --json
step deepcam 60 "${eb[@]}" run deepcam --device "$DEVICE" "${deepcam[@]}" "${brief[@]}"
step deepcam-cpu 80 "${eb[@]}" run deepcam --device cpu "${deepcam[@]}" "${brief[@]}"
step deepcam-compare 15 "${eb[@]}" compare "$(run deepcam-cpu)" "$(run deepcam)" --json

step sdpa 60 "${eb[@]}" run sdpa --device "$DEVICE" "${sdpa[@]}" --variant backend=eager --variant backend=flash "${brief[@]}"
step dpsgd 80 "${eb[@]}" run dpsgd --device "$DEVICE" "${dpsgd[@]}" --variant mode=explicit --variant mode=book-keeping "${brief[@]}"
on_gpu deepcam-L8 90 "${eb[@]}" run deepcam --device cuda "${large[@]}" --set batch=8 --set graphs=true "${brief[@]}"

# ---------------------------------------------------------------- the summary

cat "$OUT/summary.md"
((STOP_CODE)) && exit "$STOP_CODE"
exit "$UNDONE"
