# setup.sh - installs what building needs and this machine lacks. To be read by a shell script:
#
#   . examples/setup.sh
#   setup_packages              to build and run
#   setup_packages check        also these packages
#   setup_build FOLDER TARGET   configures (cmake options in $THALWEG_CMAKE) and builds
#
# Where everything is there, nothing is called that needs the network or more rights.
# shellcheck shell=sh

setup_has_package() {
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

# The newest LLVM with headers, of those that Thalweg can be built with; nothing where there is
# none. $1 says whether a version is there.
setup_newest_llvm() {
    for version in 22 21 20 19; do
        if "$1" "llvm-$version-dev"; then
            echo "llvm-$version-dev"
            return
        fi
    done
}

setup_can_install() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

# ARGUMENT...: packages wanted beside those that every build needs.
setup_packages() {
    command -v dpkg-query >/dev/null || {
        setup_say 'This is not Debian or Ubuntu: nothing is installed; see README.md for what is needed.'
        return 0
    }
    missing=
    for package in gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libjansson-dev libxxhash-dev "$@"; do
        setup_has_package "$package" || missing="$missing $package"
    done
    # pkgconf has taken the place of pkg-config.
    if command -v pkg-config >/dev/null; then
        missing=$(echo "$missing" | sed 's/ pkg-config//')
    fi
    llvm=$(setup_newest_llvm setup_has_package)
    [ "$missing" ] || [ -z "$llvm" ] || return 0

    setup_say 'Asking apt for what is missing.'
    setup_as_root apt-get update || setup_say 'apt-get update failed; going on with what is known.'
    if [ -z "$llvm" ]; then
        llvm=$(setup_newest_llvm setup_can_install)
        if [ -z "$llvm" ]; then
            setup_say 'apt offers no LLVM from 19 to 22 here; https://apt.llvm.org has them.'
            return 1
        fi
        missing="$missing $llvm"
    fi
    setup_say "Installing:$missing"
    # shellcheck disable=SC2086 # a list of words
    setup_as_root apt-get install -y --no-install-recommends $missing
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
