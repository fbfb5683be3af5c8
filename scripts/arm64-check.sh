#!/usr/bin/env bash
# Cross-compiles the CPU device for arm64 and runs the tests of its variants under qemu, one emulated processor for each, with
# the variant forced; checks that no file of one instruction set leaves weak symbols. Needs g++-aarch64-linux-gnu, qemu-user, cmake and
# ninja. scripts/arm64-check.sh [part of a test's name]
set -euo pipefail
cd "$(dirname "$0")/.."
work=build/arm64
toolchain=() # a configured folder keeps its own
[ -f $work/CMakeCache.txt ] || toolchain=(-G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake)
cmake -S . -B $work "${toolchain[@]}" -DDIMOO_ADDON=OFF -DDIMOO_TESTS=ON "-DDIMOO_ONLY_ROOMS=base;source;device;cpu" ${DIMOO_CMAKE_ARGS:-} >/dev/null
cmake --build $work --target variants_test | tail -n 1

for object in $work/CMakeFiles/dimoo_neon*.dir/csrc/cpu/*.o; do
  weak=$(aarch64-linux-gnu-nm -C "$object" | grep -E ' [WVu] ' || true)
  [ -z "$weak" ] || { echo "$object has weak symbols: $weak"; exit 1; }
done

# processor, the variants it must have, the one to test, parts of the tests' names ("": all). The f32 loops, and so the image
# tokenizer's ops, are the same code in all four.
products='variants_products variants_rows the_ a_row_never a_slice a_query a_value quantised'
runs=(
  'cortex-a72|neon portable|neon|'
  "neoverse-n1|neon_dotprod neon portable|neon_dotprod|$products"
  "max|neon_i8mm_bf16 neon_i8mm neon_dotprod neon portable|neon_i8mm|$products"
  "max|neon_i8mm_bf16 neon_i8mm neon_dotprod neon portable|neon_i8mm_bf16|$products"
)
check() {
  IFS='|' read -r cpu expected variant tests <<<"$1"
  for name in ${2:-${tests:-_}}; do # every name has an underscore
    DIMOO_EXPECTED_VARIANTS=$expected DIMOO_CPU_VARIANT=$variant \
      qemu-aarch64 -cpu "$cpu" -L /usr/aarch64-linux-gnu $work/bin/variants_test "$name" | sed "s/^/$variant on $cpu: /"
  done
}
export -f check
export work
printf '%s\n' "${runs[@]}" | xargs -d '\n' -P "$(nproc)" -I{} bash -euo pipefail -c 'check "$@"' check {} "${1:-}"
