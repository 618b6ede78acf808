#!/bin/sh
# package.sh BUILD COMPILER - the Debian packages that cpack writes: what they say of themselves, what is in
# them, and that what they unpack to runs and links models. 77: the tools of Debian are not here.
set -u
build=$(cd "$1" && pwd) || exit 2
compiler=$2
. "$(dirname "$0")/script.sh"
for tool in dpkg-deb dpkg-shlibdeps cpack gzip file; do
    command -v $tool >/dev/null || skip "there is no $tool here"
done

# What has been built is packed: ninja builds nothing for it.
(cd "$build" && cpack -B "$work/packages" -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip) >cpack.log 2>&1 || {
    cat cpack.log
    exit 1
}
packages='thalweg libthalweg-dev libthalweg-compiler-dev'
for package in $packages; do
    set -- packages/"$package"_*.deb
    [ -f "$1" ] || {
        fail "there is no $package: $(cat cpack.log)"
        exit 1
    }
    dpkg-deb -x "$1" "$package"
    dpkg-deb -x "$1" tree
    dpkg-deb -f "$1" >"$package.control"
    dpkg-deb -c "$1" | awk '{ print $1, $2 }' | sort -u >"$package.modes"
done

# ---- what the packages say ----

version=$(sed -n 's/^project(thalweg VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
tells() { # package, field and pattern of its value
    grep -qE "^$2" "$1.control" || fail "$1 does not say '$2': $(cat "$1.control")"
}
for package in $packages; do
    tells "$package" "Package: $package\$"
    tells "$package" "Version: $version-1\$"
    tells "$package" "Architecture: $(dpkg --print-architecture)\$"
    tells "$package" 'Maintainer: .* <.*@.*>$'
    tells "$package" 'Description: [a-zA-Z]'
    tells "$package" ' [A-Z].* .*'
    if grep -qvE '^(-rw-r--r--|[d-]rwxr-xr-x) root/root$' "$package.modes"; then
        fail "$package has files of strange owners or modes: $(cat "$package.modes")"
    fi
    document=$package/usr/share/doc/$package
    gzip -dc "$document/changelog.Debian.gz" | grep -q "^thalweg ($version-1) " || fail "$package has no changelog"
    gzip -dc "$document/changelog.gz" | cmp -s - "$source/CHANGELOG.md" || fail "$package has not the changes"
    grep -q '^License: Apache-2.0' "$document/copyright" || fail "$package has no licence"
done
tells thalweg 'Section: science$'
tells thalweg "Recommends: .*libthalweg-dev \\(= $version-1\\).*c-compiler"
tells libthalweg-dev 'Section: libdevel$'
tells libthalweg-dev 'Depends: libc6-dev \| libc-dev$'
tells libthalweg-compiler-dev "Depends: .*libthalweg-dev \\(= $version-1\\), llvm-[0-9]+-dev"

# The program depends on what it is linked with: each library that it needs is of a package that it names.
for library in $(readelf -d thalweg/usr/bin/thalweg | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    path=$(ldd thalweg/usr/bin/thalweg | awk -v name="$library" '$1 == name { print $3 }')
    owner=$({ dpkg -S "$path" || dpkg -S "$(readlink -f "$path")"; } 2>/dev/null | sed 's/[:,].*//; 1q')
    case $library in libm.so*) continue ;; esac # as the C library
    [ -z "$owner" ] || tells thalweg "Depends: .*$owner( |,|\$)"
done
if readelf -d thalweg/usr/bin/thalweg | grep -qE 'RPATH|RUNPATH'; then fail 'the program looks into folders of the build'; fi

# ---- what is in them: all that is installed, once, where Debian has it ----

files() { (cd "$1" && find . ! -type d | sort); }
DESTDIR="$work/installed" cmake --install "$build" --prefix /usr >install.log || fail 'it cannot be installed'
files installed | sed 's|/zsh/site-functions/|/zsh/vendor-completions/|; s|/thalweg\.1$|&.gz|' | sort >expected
files tree | grep -v '^./usr/share/doc/' >unpacked
diff expected unpacked >difference || fail "packages have other files than what is installed: $(cat difference)"
for package in $packages; do files "$package"; done | sort | uniq -d >twice
[ ! -s twice ] || fail "files are in two packages: $(cat twice)"
grep -rlIF "$build" tree >strange
[ ! -s strange ] || fail "files have the build's folder in them: $(cat strange)"
gzip -dc tree/usr/share/man/man1/thalweg.1.gz | cmp - installed/usr/share/man/man1/thalweg.1 || fail 'the manual page'
for file in bin/thalweg share/thalweg/examples/shakespeare/model.yaml share/bash-completion/completions/thalweg; do
    [ -e thalweg/usr/$file ] || fail "the program's package has no $file"
done
[ -n "$(find libthalweg-dev -name libthalweg_rt.a)" ] || fail 'the runtime library is in another package'

# ---- what becomes of it: the program alone, then with the library ----

prompt=$(cat "$source/examples/shakespeare/prompt.txt")
export THALWEG_EXAMPLES="$work/thalweg/usr/share/thalweg/examples"
thalweg/usr/bin/thalweg run -p "$prompt" -n 200 -t 0 >out 2>err || fail "run: $(cat err)"
cmp out "$source/examples/shakespeare/greedy.txt" || fail 'the example writes something else'
model=$THALWEG_EXAMPLES/shakespeare/model.yaml
tree/usr/bin/thalweg compile "$model" --emit=exe --cc "$compiler" --embed-weights -o exe/ || fail 'compile --emit=exe'
exe/shakespeare -p "$prompt" -n 200 -t 0 | cmp - out || fail 'a program writes something else'
if command -v pkg-config >/dev/null; then
    PKG_CONFIG_LIBDIR=$(dirname "$(find "$work/libthalweg-dev" -name thalweg_rt.pc)")
    export PKG_CONFIG_LIBDIR
    thalweg/usr/bin/thalweg compile "$model" -o object/ || fail 'compile'
    # shellcheck disable=SC2046 # several words
    "$compiler" -Iobject libthalweg-dev/usr/share/thalweg/examples/embed/generate.c object/shakespeare.o \
        $(pkg-config --cflags --libs thalweg_rt) -o generate || fail 'the example in C cannot be linked'
    ./generate object/shakespeare.weights "$prompt" >generated || fail 'the example in C'
    head -c "$(wc -c <out)" generated | cmp - out || fail 'the example in C writes something else'
fi
