#!/bin/sh
# debug_jit.sh PROGRAM GDB - what tools see of code that was loaded: perf its functions, gdb its
# kernels and the way to them.
set -u
program=$1 gdb=$2
. "$(dirname "$0")/script.sh"
export DEBUGINFOD_URLS=

# ---- perf ----

# FILE: runs the model, and writes the functions that perf was told of to FILE.
run_for_perf() {
    "$program" run "$example" -n 3 --perf --no-tuning >out 2>err &
    pid=$!
    beside="$beside /tmp/perf-$pid.map /tmp/jit-$pid.dump"
    wait $pid || die 'the model does not run for perf'
    cp "/tmp/perf-$pid.map" "$1" || die 'there is no map for perf'
    [ -s "/tmp/jit-$pid.dump" ] || fail 'there is no dump for perf'
}

check_map() { # file
    ! grep -vE '^[0-9a-f]+ [0-9a-f]+ [^ ]+$' "$1" || fail 'the map has lines that perf cannot read'
    end=0
    sort "$1" >sorted # addresses are equally long
    while read -r address size name; do
        [ $((0x$address)) -ge $end ] || fail "the map's functions overlap at $name"
        [ $((0x$size)) -gt 0 ] || fail "$name has no size"
        end=$((0x$address + 0x$size))
    done <sorted
}

run_for_perf map
check_map map
run_for_perf map_of_kept_code
check_map map_of_kept_code
expect 0 compile "$example" --no-tuning -o model
nm model.o | sed -n 's/^[0-9a-f]* t //p' | sort >functions
for file in map map_of_kept_code; do
    cut -d' ' -f3 "$file" | sort >names
    same names functions "the functions of $file are not those of the object"
done

# ---- gdb ----

# Where programs may not be traced there is nothing to be seen.
"$gdb" -nx -batch -ex run --args "$(command -v true)" >out 2>&1
grep -q 'exited normally' out || skip 'programs may not be traced'

# The first function that stops is an entry; the next one is a kernel that it calls.
{
    echo 'set breakpoint pending on'
    echo 'set pagination off'
    echo 'set print demangle off' # names with dots look like those of other languages
    echo 'set print asm-demangle off'
    sed "s/.*/break '&'/" functions
    echo 'run'
    echo 'continue'
    printf 'echo == here\\n\n'
    echo 'backtrace'
    echo 'kill'
} >commands
for start in kept new; do
    [ $start = kept ] || rm -rf cache
    "$gdb" -nx -batch -x commands --args \
        "$program" run "$example" -n 3 -j 1 --no-tuning >out 2>&1 </dev/null
    sed -n '/^== here/,$s/^#\([0-9]*\)  *\(0x[0-9a-f]* in \)*\([^ ]*\).*/\3/p' out >frames
    kernel=$(sed -n 1p frames)
    entry=$(sed -n 2p frames)
    grep -qxF -e "$kernel" functions || fail "gdb does not stop in a kernel ($start code)"
    grep -qxF -e "$entry" functions || fail "no function calls the kernel '$kernel'"
    [ "$kernel" != "$entry" ] || fail "gdb stops in an entry, '$entry'"
    grep -qx main frames || fail "gdb does not find the way from '$kernel' to main"
done
