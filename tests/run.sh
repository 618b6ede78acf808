#!/bin/sh
# run.sh - installs what is missing, builds everything, runs every test. Arguments go to ctest.
set -eu
cd "$(dirname "$0")/.."
. examples/setup.sh

build=${THALWEG_BUILD:-build/tests}
mkdir -p "$build"
setup_packages check
setup_build "$build"
ctest --test-dir "$build" -j2 --output-on-failure "$@"
