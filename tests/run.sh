#!/bin/sh
# run.sh - installs what is missing, builds Thalweg in each way that is tested, runs the tests.
#
#   sh tests/run.sh            all builds
#   sh tests/run.sh BUILD...   some of: release address thread llvm fuzzer
#
# release   as users build it, with the newest LLVM
# address   AddressSanitizer and UndefinedBehaviorSanitizer
# thread    ThreadSanitizer
# llvm      with the oldest LLVM to be had, where there are two
# fuzzer    each fuzz target for 60 seconds, those of text for 30, from its corpus
set -eu
cd "$(dirname "$0")/.."
. examples/setup.sh

# FOLDER BUILD_TYPE OPTION...: builds in build/FOLDER, and runs that build's tests.
run_tests() {
    build=build/$1
    THALWEG_CMAKE="-DCMAKE_BUILD_TYPE=$2"
    shift 2
    THALWEG_CMAKE="$THALWEG_CMAKE $*"
    setup_say "== $build"
    mkdir -p "$build"
    setup_build "$build"
    # Tests run side by side: a thread that waits leaves its processor to others.
    export OMP_WAIT_POLICY=passive
    # shellcheck disable=SC2086 # a list of options
    ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --no-tests=error ${chosen_tests:-}
}

run_other_llvm() {
    setup_versioned "$(echo '19 20 21 22' | sed "s/$newest_llvm//")" llvm-%-dev
    if [ -z "$setup_version" ]; then
        setup_say "== there is no LLVM but $newest_llvm here: no second build"
        return
    fi
    chosen_tests='-LE search'
    run_tests "llvm-$setup_version" Release -DTHALWEG_LLVM="$setup_version" -DTHALWEG_MODELS=50
    chosen_tests=
}

run_fuzzer() {
    setup_versioned "$SETUP_LLVM_VERSIONS 18 17 16 15 14" clang-% libclang-rt-%-dev
    [ "$setup_version" ] || {
        setup_say 'There is no clang with its runtime (clang-N, libclang-rt-N-dev) here, and so no libFuzzer.'
        return 1
    }
    run_tests fuzzer RelWithDebInfo -DTHALWEG_SANITIZE=fuzzer -DCMAKE_C_COMPILER="clang-$setup_version"
}

setup_packages check libonig-dev gdb valgrind qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
    gcc-riscv64-linux-gnu libc6-dev-riscv64-cross dpkg-dev file groff-base mandoc zsh fish
setup_has_package chromium || setup_install chromium ||
    setup_say 'There is no chromium to be had: the page that tune writes is not looked at.'
newest_llvm=$setup_version
[ $# -gt 0 ] || set -- release address thread llvm fuzzer
for name in "$@"; do
    case $name in
    release) run_tests release Release ;;
    address | thread) run_tests "$name" RelWithDebInfo -DTHALWEG_SANITIZE="$name" ;;
    llvm) run_other_llvm ;;
    fuzzer) run_fuzzer ;;
    *)
        setup_say "run.sh: no build is called '$name': release, address, thread, llvm, fuzzer"
        exit 2
        ;;
    esac
done
