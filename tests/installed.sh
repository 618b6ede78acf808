#!/bin/sh
# installed.sh BUILD COMPILER CXX-COMPILER - what a stranger does with an installed Thalweg: every
# example and every form of `compile`, in clean folders, from a tree that was installed elsewhere than
# it was meant for.
set -eu
build=$1 compiler=$2 cxx=$3
. "$(dirname "$0")/script.sh"

DESTDIR="$work/tree" cmake --install "$build" >install.log
program=$(find "$work/tree" -path '*/bin/thalweg')
prefix=${program%/bin/thalweg}
PKG_CONFIG_LIBDIR=$(dirname "$(find "$work/tree" -name thalweg_rt.pc)")
export PKG_CONFIG_LIBDIR
serial=$(pkg-config --cflags --libs thalweg_rt)
openmp=$(pkg-config --cflags --libs thalweg_rt-openmp)
cp -r "$prefix/share/thalweg/examples" .
example=$work/examples/shakespeare
mini=$work/examples/gpt2-mini
prompt=$(cat "$example/prompt.txt")
"$program" run "$example/model.yaml" -p "$prompt" -n 300 -t 0 >expected 2>err

writes() { # what has written the text in out
    same out expected "$1 writes something else than run"
}

# ---- the examples ----

(cd examples/embed && make -s THALWEG="$program" CC="$compiler" CFLAGS='-Wall -Wextra -Werror')
cd examples/embed
./generate shakespeare.weights "$prompt" >"$work/out"
cd "$work"
writes 'the example in C'
ldd examples/embed/generate | grep -q libgomp || fail 'the example in C has no threads'

cd examples/embed
# shellcheck disable=SC2086 # several words
"$cxx" -std=c++17 -Wall -Wextra -Werror generate.cpp shakespeare.o $openmp -o generate-cpp
./generate-cpp shakespeare.weights "$prompt" >"$work/out"
./generate-cpp shakespeare.weights 'Où ?' >"$work/accents-cpp"
./generate shakespeare.weights 'Où ?' >"$work/accents"
cd "$work"
writes 'the example in C++'
same accents-cpp accents 'the example in C++ reads bytes in another way than that in C'

"$program" compile "$example/model.yaml" --emit=shared --cc "$compiler" -o examples/embed
if command -v python3 >python; then
    (cd examples/embed && python3 generate.py ./libshakespeare.so shakespeare.weights "$prompt") >out
    writes 'the example in Python'
fi

cmake -S examples/cmake -B cmake -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Release >cmake.log
cmake --build cmake >>cmake.log
cmake/generate cmake/shakespeare.weights "$prompt" >out
writes 'the example with CMake'

# ---- the build's own folder ----

# It has nothing for find_package(), also where PATH has it.
PATH="$build:$PATH" cmake -S examples/cmake -B unfound -DCMAKE_C_COMPILER="$compiler" >unfound.log 2>&1 || :
if grep -qF "$build/" unfound.log; then fail "find_package() finds the build: $(cat unfound.log)"; fi

# The quickstart builds what is installed, and no tests.
target=$(sed -n 's/^setup_build "[$]build" \([a-z]*\).*/\1/p' "$source/examples/quickstart.sh")
if [ -e "$build/build.ninja" ]; then
    ninja -C "$build" -t commands "$target" >steps
    sed -n 's/^-- Installing: //p' install.log | grep -E '(\.a|bin/thalweg)$' >products
    while read -r file; do
        grep -qE "[ /]${file##*/}( |\$)" steps || fail "the quickstart does not build ${file##*/}"
    done <products
    if grep -qE ' tests/[^ ]*\.c\.o' steps; then fail 'the quickstart builds tests'; fi
fi

# ---- the header ----

mkdir header
"$program" compile "$example/model.yaml" -o header
sed -n 's/^ \*     //p' header/shakespeare.h >header/example.c
grep -q 'int main' header/example.c || fail 'the header has no example'
# shellcheck disable=SC2086
(cd header && "$compiler" -std=c99 -pedantic -Wall -Wextra -Werror example.c shakespeare.o $serial -o c99 &&
    "$cxx" -std=c++98 -Wall -Wextra -Werror -fsyntax-only -x c++ shakespeare.h &&
    "$compiler" -std=c99 -Wall -Wextra -Werror -fsyntax-only -x c shakespeare.h && ./c99 >out)
grep -qE '^-?[0-9]' header/out || fail "the header's example writes no number"
if ldd header/c99 | grep -qE 'gomp|pthread'; then fail 'a program without OpenMP needs threads'; fi

# ---- names of models that are others' names in C ----

model() { # NAME [FEATURE OF ATTENTION]
    small_model "$1" 8 "branches: [attention: {heads: 2${2-}}]" >model.yaml
}

mkdir names
prefixes=$source/codegen/emit/reserved_prefixes.def
sed -n 's/^RESERVED("\([^"]*\)".*/\1/p' "$prefixes" >reserved
# shellcheck disable=SC2013 # they are words
for name in $(cat reserved); do
    model "$name"
    "$program" compile model.yaml --cpu x86-64 -o names
    printf '#include "%s.h"\n' "$name"
done >names/models.h
sed -n 's/.*"\(<.*>\)").*/#if __has_include(\1)\n#include \1\n#endif/p' "$prefixes" >names/others.h
for order in 'others models' 'models others'; do
    # shellcheck disable=SC2086
    printf '#include "%s.h"\n' $order >names/all.c
    for language in "$compiler -x c" "$cxx -x c++"; do
        (cd names && $language -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only all.c) ||
            fail "$language: headers of $order"
    done
done
# Names that it alone exports by a version that programs can link.
words=$(sed -n 's/^CALL(\([a-z_]*\),.*/\1/p' "$source/codegen/emit/object_calls.def")
for library in libc.so.6 libm.so.6 librt.so.1 libresolv.so.2 libgomp.so.1 libstdc++.so.6; do
    file=$("$compiler" -print-file-name="$library")
    case $file in /*) nm -D --defined-only "$file" 2>/dev/null || : ;; esac
done | awk '$3 !~ /[^@]@[^@]/ { print $3 }' | sed 's/@.*//' | grep '^[A-Za-z]' | sort -u >exported
for word in $words model session task options sampler sampler_options logit_bias module weights programs; do
    sed -n "s/_$word\$//p" exported
done | tr '[:upper:]' '[:lower:]' | sort -u >stems
grep -qx shm stems || fail 'names of the C library are not found'
while read -r name; do
    grep -qx "$name" reserved || fail "a model called $name has a name of the C library's"
done <stems

for name in a.b a-b; do
    model $name
    "$program" compile model.yaml -o names
done
echo '#include "a.b.h"' >names/one.c
{ cat names/one.c names/one.c && echo '#include "a-b.h"'; } >names/two.c
"$compiler" -Wall -Wextra -Werror -fsyntax-only names/one.c
refuses 'two models have the same names' "$compiler" -fsyntax-only names/two.c

# ---- a model that is not causal ----

model whole ', causal: false'
"$program" compile model.yaml --emit=exe --cc "$compiler" -o .
"$program" run model.yaml --tokens 1,2,3,4,5 --logits expected.npy
for wrong in '' '-n 3' '--logits whole.npy -n 1'; do
    # shellcheck disable=SC2086
    refuses 'not causal: it cannot generate' ./whole --tokens 1,2 $wrong
done
[ ! -e whole.npy ] || fail 'a refused call leaves a file'
./whole --tokens 1,2,3,4,5 --logits whole.npy
same whole.npy expected.npy 'logits of a program are others than those of run'
./whole --help | grep -q 'not causal' || fail 'help does not say that the model is not causal'
refuses 'No space left' ./whole --tokens 1,2 --logits /dev/full
refuses 'No such file' ./whole --tokens 1,2 --logits missing/whole.npy
(ulimit -f 0 && trap '' XFSZ && ./whole --tokens 1,2 --logits part.npy >out 2>err) && fail 'no room for logits'
[ "$(echo part*)" = 'part*' ] || fail "a part of the logits stays: $(echo part*)"
"$program" compile model.yaml -o names
grep -q 'whole_step' names/whole.h && fail 'the header of a model that is not causal has a step'
for call in prefill forward; do
    grep -B4 "^int whole_$call(" names/whole.h | grep -q WHOLE_NOT_CAUSAL || fail "the header is silent at $call"
done
if grep -q 'not causal, so' header/shakespeare.h; then fail 'the header of a causal model speaks of others'; fi

# ---- a model that makes one row of a text ----

model pools ', causal: false'
sed 's/^head:.*/head: none\npooling: {kind: mean, normalise: true, dense: [3]}/' model.yaml >pools.yaml
"$program" compile pools.yaml --emit=exe --cc "$compiler" -o .
"$program" run pools.yaml --tokens 1,2,3 --logits expected.npy
refuses 'gives no logits of its tokens' ./pools --tokens 1,2
./pools --tokens 1,2,3 --embeddings row.npy
cmp row.npy expected.npy || fail 'the row of a program is another than that of run'
"$program" compile pools.yaml -o names
grep -q 'POOLS_OUTPUTS .*int64_t)3)' names/pools.h || fail 'the header does not say how long a row is'

# ---- every form, weights beside and inside ----

for form in static shared exe; do
    mkdir $form-inside $form-beside
    "$program" compile "$example/model.yaml" --emit=$form --cc "$compiler" --embed-weights -o $form-inside
    "$program" compile "$example/model.yaml" --emit=$form --cc "$compiler" -o $form-beside
    [ ! -e $form-inside/shakespeare.weights ] || fail 'weights are inside, and beside'
    if [ $form = exe ]; then headers=0; else headers=1; fi # as `compile --help` says
    [ "$(find $form-beside -name '*.h' | wc -l)" = $headers ] || fail "$form has not $headers headers"
done
exe-inside/shakespeare -p "$prompt" -n 300 -t 0 >out
writes 'a program with its weights'
mv exe-beside/shakespeare exe-beside/renamed
refuses 'cannot be opened' exe-beside/renamed -p x
mv exe-beside/shakespeare.weights exe-beside/renamed.weights
(cd / && "$work/exe-beside/renamed" -p "$prompt" -n 300 -t 0) >out
writes 'a program beside its weights'
cat >without_proc.c <<'END'
#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
ssize_t readlink(const char *path, char *to, size_t size) {
    if (strncmp(path, "/proc", 5) != 0) return readlinkat(-100, path, to, size);
    errno = ENOENT;
    return -1;
}
END
"$compiler" -shared -fPIC without_proc.c -o without_proc.so
mkdir links
ln -s ../exe-beside/renamed links/linked
for way in "$work/exe-beside/renamed" ./renamed ../links/linked; do
    (cd exe-beside && LD_PRELOAD=$work/without_proc.so "$way" -p "$prompt" -n 300 -t 0) >out
    writes "$way without /proc"
done
exe-inside/shakespeare -p "$prompt" -n 9 -t 0 --logits program.npy >out
"$program" run "$example/model.yaml" -p "$prompt" -n 9 -t 0 --logits run.npy >out 2>note
same program.npy run.npy 'logits of a program that generates are others than those of run'
if exe-inside/shakespeare -p "$prompt" -n 9 --logits part.npy >/dev/full 2>err; then fail 'a full disk'; fi
[ ! -e part.npy ] || fail 'a program that cannot write its text leaves a part of the logits'
for wrong in '--tokens 1,x' '-n x' '--tokens 999' '-p ' '--what' '-w expected' 'operand'; do
    # shellcheck disable=SC2086
    if exe-inside/shakespeare $wrong >out 2>err; then fail "exe $wrong is not refused"; fi
    [ -s err ] || fail "exe $wrong says nothing"
done

# Logits that are no numbers.
"$program" compile "$source/tests/overflow.yaml" --emit=exe --cc "$compiler" --embed-weights -o exe-inside
refuses 'not numbers' exe-inside/overflow -p abc

if exe-inside/shakespeare --help >/dev/full 2>err; then fail 'exe --help does not see a full disk'; fi

generate=examples/embed/generate.c
"$compiler" -Istatic-beside "$generate" static-beside/libshakespeare.a -lm -o static
./static static-beside/shakespeare.weights "$prompt" >out
writes 'a program with an archive'
"$compiler" -Ishared-beside "$generate" shared-beside/libshakespeare.so -Wl,-rpath,"$work/shared-beside" \
    -o shared
./shared shared-beside/shakespeare.weights "$prompt" >out
writes 'a program with a shared library'
nm -D --defined-only shared-beside/libshakespeare.so | awk '{ print $3 }' >symbols
if grep -qv '^shakespeare_' symbols; then fail "the library shows $(grep -v '^shakespeare_' symbols)"; fi
readelf -d shared-beside/libshakespeare.so | grep -q 'soname: \[libshakespeare.so\]' || fail 'no soname'
for file in exe-inside/shakespeare shared-inside/libshakespeare.so; do
    readelf -lW $file | grep -q 'GNU_STACK.* RW ' || fail "$file has an executable stack"
    if readelf -dW $file | grep -q TEXTREL; then fail "$file has text relocations"; fi
done

# ---- two models in one program ----

mkdir two
"$program" compile "$mini/model.yaml" --emit=static --embed-weights -o two/gpt2_mini
"$program" compile "$example/model.yaml" --emit=static -o two
"$compiler" -Wall -Wextra -Werror -Itwo "$source/tests/two_models.c" two/gpt2_mini.a two/libshakespeare.a -lm \
    -o two/app
two/app two/shakespeare.weights >out || fail "two models: exit code $?"

# ---- memory and threads of the caller; the same bits as `run` ----

# shellcheck disable=SC2086
"$compiler" -Wall -Wextra -Werror -Istatic-inside "$source/tests/embed_logits.c" \
    static-inside/libshakespeare.a -pthread -lm -o embed_logits
"$program" run "$example/model.yaml" -p "$prompt" --logits logits.npy -n 0
tail -c "$((${#prompt} * 256 * 4))" logits.npy >logits
for way in prefill step; do
    ./embed_logits "$prompt" $way >out || fail "embed_logits $way: exit code $?"
    same out logits "logits by $way are others than those of run"
done

# ---- the runtime library ----

runtime=$(find "$work/tree" -name libthalweg_rt.a)
text=$(size "$runtime" | awk '{ sum += $1 } END { print sum }')
[ "$text" -lt 65536 ] || fail "the runtime library has $text bytes of text"
"$compiler" -shared -o runtime.so -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive \
    -Wl,--as-needed -lm
# The dynamic linker is a part of the C library, which has memory of threads.
needed=$(readelf -d runtime.so | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libm|ld-linux.*)\.so' || :)
[ -z "$needed" ] || fail "the runtime library needs $needed"
nm -D --undefined-only runtime.so | grep ' U ' | grep -vE '@GLIBC' >strange || :
[ ! -s strange ] || fail "the runtime library calls $(cat strange)"

nm "$runtime" | awk 'NF == 3 && $2 ~ /[A-TV-Z]/ && $3 !~ /^tw_/ { print $3 }' >strange
[ ! -s strange ] || fail "programs that link the runtime library cannot have functions called $(cat strange)"

# ---- a library that comes and goes ----

cat >load.c <<'EOF'
#include <dlfcn.h>
#include <stdint.h>

int main(int argc, char **argv) {
    for (int i = 0; i < 20 && argc == 3; i++) {
        const int32_t tokens[] = {1, 2, 3};
        void *library = dlopen(argv[1], RTLD_NOW), *model, *session;
        if (!library) return 1;
        int (*open)(const char *, void **) = (int (*)(const char *, void **))dlsym(library, "shakespeare_open");
        int (*new)(void *, void *, void **) = (int (*)(void *, void *, void **))dlsym(library, "shakespeare_session_new");
        int (*prefill)(void *, const int32_t *, int64_t) =
            (int (*)(void *, const int32_t *, int64_t))dlsym(library, "shakespeare_prefill");
        void (*free)(void *) = (void (*)(void *))dlsym(library, "shakespeare_session_free");
        void (*close)(void *) = (void (*)(void *))dlsym(library, "shakespeare_close");
        if (open(argv[2], &model) || new(model, 0, &session) || prefill(session, tokens, 3)) return 2;
        free(session);
        close(model);
        dlclose(library);
    }
    return 0;
}
EOF
"$compiler" load.c -ldl -o load
./load shared-beside/libshakespeare.so shared-beside/shakespeare.weights || fail "a library that is closed: $?"

# ---- files of strangers ----

weights=header/shakespeare.weights
head -c 1000000 $weights >short
refuses 'truncated' ./static short x
head -c 50 $weights >short
refuses 'truncated' ./static short x
: >short
refuses 'not a packed weight file' ./static short x
refuses 'not a packed weight file' ./static expected x
refuses 'cannot be opened' ./static missing x
"$program" compile "$mini/model.yaml" -o two
refuses 'another model' ./static two/gpt2-mini.weights x
{ cat $weights && echo; } >long
refuses 'sizes do not fit' ./static long x
{ head -c 20 $weights && printf 'XXXX' && tail -c +25 $weights; } >damaged
refuses 'damaged' ./static damaged x
{ head -c 500000 $weights && printf 'XXXX' && tail -c +500005 $weights; } >damaged
refuses 'damaged' ./static damaged x
