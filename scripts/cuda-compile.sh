#!/usr/bin/env bash
# Compiles every CUDA file and fails on warnings, on spills (none in the kernels that a step spends its time in, but 16 bytes of products on
# sm_120, where one of Q5_K takes 12; 16 bytes in others), and where all of it takes over 20 MB. Needs nvcc, no GPU; without it it says so and
# passes.
#   scripts/cuda-compile.sh [ARCH...]   e.g. 80 90a; default: all that we ship. $DIMOO_CUDA_FILES picks files.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v nvcc >/dev/null; then
  echo "skipped: nvcc is not here; the CUDA sources were not compiled for a GPU"
  exit 0
fi
archs=("$@")
[ ${#archs[@]} -gt 0 ] || archs=(80 86 89 90a 100 120)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=()
for arch in "${archs[@]}"; do flags+=("-gencode=arch=compute_$arch,code=sm_$arch"); done
export work codes="${flags[*]}"

# One line a file, the largest first; its exit status says whether all is well. ptxas names a kernel, then its architecture, then what it spills.
compile() {
  local file=$1 name log
  name=$(basename "$file" .cu)
  log=$work/$name.log
  # shellcheck disable=SC2086
  if ! nvcc -std=c++20 $codes -fmad=false -O3 -Xfatbin=-compress-all -I. -Icsrc '-DDIMOO_CUDA_ARCHS="check"' -Xcompiler -fPIC,-Wall,-Wextra -Xptxas -v \
    -c "$file" -o "$work/$name.o" > "$log" 2>&1; then
    cat "$log"
    return 1
  fi
  grep -i warning "$log" && return 1
  awk -v file="$file" '
    /Compiling entry function/ { kernel = $0; sub(/.*function ./, "", kernel); sub(/. for .*/, "", kernel); arch = $0; sub(/.*sm_/, "sm_", arch); sub(/[^a-z_0-9].*/, "", arch) }
    /bytes spill stores/ {
      kernels++
      for (i = 1; i < NF; i++) if ($(i + 2) == "spill" && $(i + 3) ~ /^stores/) spilled = $i
      allowed = kernel ~ /attention/ || (kernel ~ /product_mma|product_f32/ && arch != "sm_120") ? 0 : 16
      if (spilled > most) most = spilled
      if (spilled > allowed) { print file ": " kernel " spills " spilled " bytes on " arch; bad = 1 }
    }
    /Used [0-9]+ registers/ { for (i = 1; i < NF; i++) if ($i == "Used" && $(i + 1) > registers) registers = $(i + 1) }
    END { printf "%s: %d kernels, at most %d registers, %d bytes spilled\n", file, kernels, registers, most; exit bad }' "$log"
}
export -f compile
# shellcheck disable=SC2046,SC2086
printf '%s\n' ${DIMOO_CUDA_FILES:-$(ls -S cuda/*.cu)} | xargs -P "$(nproc)" -I{} bash -c 'compile {}'
total=$(cat "$work"/*.o | wc -c)
echo "objects for ${archs[*]}: $total bytes"
[ "$total" -le 20000000 ]
