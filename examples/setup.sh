# setup.sh - installs what building needs and this machine lacks. To be read by a shell script:
#
#   . examples/setup.sh
#   setup_packages                     to build and run
#   setup_packages check               also these packages
#   setup_versioned "22 21" clang-%    the first of these that can be had, $setup_version then says which
#   setup_build FOLDER TARGET          configures (cmake options in $THALWEG_CMAKE) and builds
#
# Where everything is there, nothing is called that needs the network or more rights.
# shellcheck shell=sh

SETUP_LLVM_VERSIONS='22 21 20 19' # those that Thalweg can be built with, newest first
setup_version=                    # what setup_versioned found

setup_is_debian() {
    command -v dpkg-query >/dev/null
}

setup_has_package() {
    setup_is_debian &&
        dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

setup_say() {
    printf '%s\n' "$*" >&2
}

setup_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        setup_say "This needs root or sudo: $*"
        return 1
    fi
}

# TEST "VERSIONS" PACKAGE...: the first version for which the test is true of all packages, whose
# names have a % in place of the version; nothing where there is none.
setup_first_version() {
    test=$1
    versions=$2
    shift 2
    for version in $versions; do
        for package in "$@"; do
            $test "$(echo "$package" | sed "s/%/$version/")" || continue 2
        done
        echo "$version"
        return
    done
}

setup_can_install() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

setup_update() {
    setup_say 'Asking apt for what is missing.'
    setup_as_root apt-get update || setup_say 'apt-get update failed; going on with what is known.'
}

setup_install() {
    setup_say "Installing: $*"
    setup_as_root apt-get install -y --no-install-recommends "$@"
}

# "VERSIONS" PACKAGE...: installs the packages, names with a % for the version, in the first version
# that is there or can be had, and leaves it in $setup_version; empty where there is none.
setup_versioned() {
    setup_version=$(setup_first_version setup_has_package "$@")
    [ -z "$setup_version" ] && setup_is_debian || return 0
    setup_version=$(setup_first_version setup_can_install "$@")
    if [ -z "$setup_version" ]; then
        setup_update
        setup_version=$(setup_first_version setup_can_install "$@")
    fi
    [ "$setup_version" ] || return 0
    shift
    # shellcheck disable=SC2046 # a list of words
    setup_install $(echo "$@" | sed "s/%/$setup_version/g")
}

# PACKAGE...: what every build needs, an LLVM with headers among it, and these.
setup_packages() {
    setup_is_debian || {
        setup_say 'This is not Debian or Ubuntu: nothing is installed; see README.md for what is needed.'
        return 0
    }
    missing=
    for package in gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libjansson-dev \
        libutf8proc-dev libxxhash-dev libedit-dev "$@"; do
        setup_has_package "$package" || missing="$missing $package"
    done
    # pkgconf has taken the place of pkg-config.
    if command -v pkg-config >/dev/null; then
        missing=$(echo "$missing" | sed 's/ pkg-config//')
    fi
    if [ "$missing" ]; then
        setup_update
        # shellcheck disable=SC2086 # a list of words
        setup_install $missing
    fi
    setup_versioned "$SETUP_LLVM_VERSIONS" llvm-%-dev
    [ "$setup_version" ] || {
        setup_say "apt offers no LLVM of $SETUP_LLVM_VERSIONS here; https://apt.llvm.org has them."
        return 1
    }
}

# FOLDER TARGET...: configures once, and builds what is not up to date.
setup_build() {
    folder=$1
    shift
    # shellcheck disable=SC2086 # a list of words
    cmake -S . -B "$folder" -G Ninja ${THALWEG_CMAKE:-} >"$folder.log" 2>&1 || {
        cat "$folder.log" >&2
        return 1
    }
    ninja -C "$folder" "$@"
}
