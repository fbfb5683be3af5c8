#!/bin/sh
# Fuzzes the readers under ASan and UBSan (needs clang, cmake, node).
#   scripts/fuzz.sh [seconds]     every target of test/fuzz (or DIMOO_FUZZ_TARGETS) for so long, default 60; fails on a finding
#   scripts/fuzz.sh --coverage    line coverage of csrc/source from the seeds alone; fails below 90 %
#   scripts/fuzz.sh --planted     builds with one bound check left out: it must be found within 5 minutes, from good seeds
set -eu
cd "$(dirname "$0")/.."
out="${DIMOO_FUZZ_DIR:-build/fuzz}"
targets=${DIMOO_FUZZ_TARGETS:-$(cd test/fuzz && ls ./*_fuzz.cc | sed "s|^./||; s|.cc$||")}
mkdir -p "$out/tmp"
# Targets write files; memory is kinder than a disk.
TMPDIR=$(cd "$out/tmp" && pwd)
if [ -w /dev/shm ]; then TMPDIR=$(mktemp -d /dev/shm/dimoo-fuzz-XXXXXX); fi
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM

build() { # folder, sanitizers, flags
  cmake -S . -B "$1" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="${CXX:-clang++}" -DCMAKE_CXX_FLAGS="$3" \
    -DDIMOO_ADDON=OFF -DDIMOO_FUZZ=ON -DDIMOO_SANITIZE="$2" > "$1.log" 2>&1 || { cat "$1.log"; exit 1; }
  # shellcheck disable=SC2086
  cmake --build "$1" -j "${DIMOO_JOBS:-2}" --target $targets > "$1.log" 2>&1 || { cat "$1.log"; exit 1; }
}

seeds="$out/seeds"
rm -rf "$seeds"
node test/fuzz/make-corpus.mjs "$seeds"

case "${1:-60}" in
--coverage)
  build "$out/coverage" "" "-fprofile-instr-generate -fcoverage-mapping -O0"
  objects=""
  for target in $targets; do
    LLVM_PROFILE_FILE="$out/$target.profraw" "$out/coverage/bin/$target" -runs=0 "$seeds/$target" > "$out/$target.log" 2>&1
    objects="${objects:+$objects -object }$out/coverage/bin/$target"
  done
  llvm-profdata merge -sparse "$out"/*.profraw -o "$out/all.profdata"
  # shellcheck disable=SC2086
  llvm-cov report $objects -instr-profile="$out/all.profdata" "$PWD"/csrc/source/*.cc > "$out/coverage.txt"
  cat "$out/coverage.txt"
  awk '/^TOTAL/ { lines = $10 + 0 } END { if (lines < 90) { print "coverage: expected at least 90 % of lines, got " lines " %"; exit 1 } }' "$out/coverage.txt"
  ;;
--planted)
  build "$out/planted" "address,undefined" "-DDIMOO_FUZZ_PLANT"
  corpus="$out/planted-corpus"
  rm -rf "$corpus"
  mkdir -p "$corpus"
  cp "$seeds"/gguf_fuzz/good-* "$corpus"
  started=$(date +%s)
  if "$out/planted/bin/gguf_fuzz" -max_total_time=300 -artifact_prefix="$out/" "$corpus" > "$out/planted.log" 2>&1; then
    echo "planted: expected the out-of-bounds read to be found within 300 s, got nothing"
    exit 1
  fi
  grep -m1 -E 'ERROR: AddressSanitizer|runtime error' "$out/planted.log"
  echo "planted: found after $(($(date +%s) - started)) s"
  ;;
*)
  build "$out/build" "address,undefined" ""
  # shellcheck disable=SC2016
  printf '%s\n' $targets | out="$out" seeds="$seeds" xargs -P "${DIMOO_JOBS:-2}" -I{} sh -euc '
    target=$1 seconds=$2
    mkdir -p "$out/corpus/$target"
    "$out/build/bin/$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=4096 -artifact_prefix="$out/$target-" -print_final_stats=1 \
      "$out/corpus/$target" "$seeds/$target" > "$out/$target.log" 2>&1 || { tail -n 60 "$out/$target.log"; echo "$target: a finding"; exit 1; }
    echo "$target: clean, $(awk "/number_of_executed_units/ { print \$2 }" "$out/$target.log") inputs in $seconds s"' fuzz {} "${1:-60}"
  # What travels as messages is read in JavaScript.
  [ -f dist/wire/messages.js ] || npx tsc -p tsconfig.json
  node scripts/fuzz-wire.mjs "${1:-60}"
  ;;
esac
