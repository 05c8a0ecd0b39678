#!/bin/sh
# Measures Hone's page in Chromium on this machine's GPU, through WebGPU and Vulkan, and writes what it finds to $OUT (or
# ./results). The folders ..-browser-1, -2 and so on lie side by side. Needs python3 and NVIDIA's driver.
#
#   ./run_browser.sh               all of it, in under five minutes
#   ./run_browser.sh --rehearse    tiny shapes on SwiftShader, without a GPU
set -eu
PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
export PATH
here=$(cd "$(dirname "$0")" && pwd)
OUT=${OUT:-results}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
exec "${PYTHON:-python3}" "$here/drive.py" --out "$OUT" "$@"
