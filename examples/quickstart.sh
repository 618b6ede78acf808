#!/bin/sh
# quickstart.sh - installs what is missing, builds Thalweg (all that `cmake --install` takes), compiles
# the example model and lets it write. Arguments go to `thalweg run`.
set -eu
cd "$(dirname "$0")/.."
. examples/setup.sh

build=${THALWEG_BUILD:-build/release}
mkdir -p "$build"
# shellcheck disable=SC2119 # not this script's arguments
setup_packages
setup_build "$build" product >&2
echo >&2
if [ $# -gt 0 ]; then
    exec "$build/thalweg" run "$@"
fi
exec "$build/thalweg" run --prompt 'KING HENRY:
' --stats
