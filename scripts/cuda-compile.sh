#!/usr/bin/env bash
# Compiles every CUDA file for the given architectures (default: all that we ship) and fails on warnings, and on spills of more than 16
# bytes in any kernel. Needs nvcc, no GPU. scripts/cuda-compile.sh [ARCH...], e.g. 80 90a
set -euo pipefail
cd "$(dirname "$0")/.."
archs=("$@")
[ ${#archs[@]} -gt 0 ] || archs=(80 86 89 90a 100 120)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for arch in "${archs[@]}"; do
  for file in cuda/*.cu; do
    if ! nvcc -std=c++20 "-gencode=arch=compute_$arch,code=sm_$arch" -fmad=false -O3 -I. -Icsrc '-DDIMOO_CUDA_ARCHS="check"' \
      -Xcompiler -fPIC,-Wall,-Wextra -Xptxas -v -c "$file" -o "$work/object.o" > "$work/log" 2>&1; then
      cat "$work/log"
      failed=1
      continue
    fi
    spilled=$(awk '/bytes spill stores/ {for (i = 1; i < NF; i++) if ($(i + 2) == "spill" && $i > most) most = $i} END {print most + 0}' "$work/log")
    warnings=$(grep -ciE 'warning' "$work/log" || true)
    if [ "$warnings" -gt 0 ] || [ "$spilled" -gt 16 ]; then
      grep -iE 'warning' "$work/log" || true
      failed=1
    fi
    echo "sm_$arch $file: $warnings warnings, most bytes spilled by a kernel: $spilled, object $(stat -c %s "$work/object.o") bytes"
  done
done
exit $failed
