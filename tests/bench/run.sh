#!/bin/sh
# run.sh - Thalweg beside engines and libraries from package registries, on this machine.
#
#   sh tests/bench/run.sh [--work FOLDER] [OPTION of compare.py]...
#
# Installs what is missing: from Debian OpenBLAS, oneDNN, libxsmm, numpy and onnx; from npm
# node-llama-cpp (llama.cpp) and onnxruntime-node, without running their install scripts. Peers and
# made-up models lie in FOLDER (default: ~/.cache/thalweg-bench) and are made once.
set -eu
cd "$(dirname "$0")/../.."
. examples/setup.sh

work=${XDG_CACHE_HOME:-$HOME/.cache}/thalweg-bench
if [ "${1-}" = --work ]; then
    work=$2
    shift 2
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)

setup_packages libdnnl-dev libxsmm-dev libopenblas-openmp-dev python3-numpy python3-onnx nodejs
if ! command -v npm >/dev/null; then setup_install npm; fi
if [ ! -d "$work/node_modules/onnxruntime-node" ]; then
    setup_say 'Fetching node-llama-cpp and onnxruntime-node.'
    npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error \
        node-llama-cpp@3.22.1 onnxruntime-node@1.30.0 >&2
fi
THALWEG_CMAKE=-DCMAKE_BUILD_TYPE=Release
mkdir -p build/release
setup_build build/release thalweg >&2
cc -O2 -fopenmp tests/bench/projections.c -o "$work/projections" -lopenblas -lxsmm -ldnnl -lm

# Debian's OpenBLAS does not know newer processors, and falls back to kernels for AVX2.
if grep -q avx512f /proc/cpuinfo; then export OPENBLAS_CORETYPE=SkylakeX; fi
exec /usr/bin/python3 tests/bench/compare.py --thalweg build/release/thalweg --work "$work" "$@"
