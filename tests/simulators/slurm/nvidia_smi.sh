#!/bin/sh
# A stand-in for nvidia-smi(1): power limits of the boards of a node, in the files that nvmlsim.c reads (limit_file=).
#
#   nvidia-smi [--id=N] --power-limit=WATTS
#   nvidia-smi --query-gpu=index,power.default_limit --format=csv,noheader,nounits
#
# NVMLSIM_BOARDS hides boards as in the library: board 2 of NVMLSIM_BOARDS=2,3 then has index 0.
here=$(dirname "$NVMLSIM")
count=$(sed -n 's/^count=//p' "$NVMLSIM")
boards=${NVMLSIM_BOARDS-$(seq -s , 0 $((count - 1)))}
[ "$count" -gt 0 ] && [ "$boards" != none ] || { echo 'No devices were found'; exit 6; }
least=100 most=400
chosen='' watts='' query=''
for word in "$@"; do
  case $word in
    --id=*) chosen=${word#*=} ;;
    --power-limit=*) watts=${word#*=} ;;
    --query-gpu=index,power.default_limit) query=1 ;;
    --format=csv,noheader,nounits) ;;
    *) echo "Invalid combination of input arguments: $word"; exit 2 ;;
  esac
done
index=0
for board in $(echo "$boards" | tr , ' '); do
  if [ -n "$query" ]; then
    echo "$index, $most.00"
  elif [ -z "$chosen" ] || [ "$chosen" = "$index" ]; then
    if [ "${watts%.*}" -lt $least ] || [ "${watts%.*}" -gt $most ]; then
      echo "Provided power limit $watts W is not a valid power limit which should be between $least.00 W and $most.00 W"
      exit 2
    fi
    echo "$watts" > "$here/new_limit$board"
    mv "$here/new_limit$board" "$here/limit$board"  # no reader finds an empty file
    echo "Power limit for GPU $board was set to $watts W."
  fi
  index=$((index + 1))
done
