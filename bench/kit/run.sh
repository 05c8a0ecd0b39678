#!/bin/sh
# Measures Hone on this machine, beside PyTorch, and writes what it finds to $OUT (or ./results). Needs python3, and for the
# figures NVIDIA's driver, the CUDA toolkit and PyTorch; whatever is missing is left out, and said so.
#
#   ./run.sh                  all of it, in under five minutes
#   ./run.sh --budget 600     the same with more time: parts that do not fit are left out
#   ./run.sh --rehearse       on the CPU and any Vulkan adapter, tiny shapes: to the last command, without a GPU
#   ./run.sh --help           the rest
set -eu
PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
export PATH
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-}
if [ -z "$python" ]; then
    # The one that has PyTorch, if any has.
    for name in python3 python; do
        if command -v "$name" >/dev/null 2>&1; then
            [ -n "$python" ] || python=$name
            if "$name" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("torch"))' 2>/dev/null; then
                python=$name
                break
            fi
        fi
    done
fi
[ -n "$python" ] || { echo "no python3 on the search path: install it, or name one with PYTHON=" >&2; exit 1; }
OUT=${OUT:-results}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
export OUT
exec "$python" "$here/measure.py" --out "$OUT" "$@"
