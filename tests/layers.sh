#!/bin/sh
# layers.sh - who may include whom, wing by wing; prints what breaks a rule. A program that embeds a
# compiled model links runtime/ alone, so nothing of the compiler may leak into it.
cd "$(dirname "$0")/.." || exit 2
status=0

# Includes of the files on stdin, as file:line:text.
includes() {
    xargs -r grep -nHE '^[[:space:]]*#[[:space:]]*include'
}

sources() { # folder...: their files, and those of folders in them
    find "$@" -name '*.[ch]' -o -name '*.def' | sort
}

report() { # rule, what breaks it: a line each
    [ -z "$2" ] && return
    printf '%s:\n%s\n' "$1" "$2"
    status=1
}

layers=
# A folder, not those in it, and what its files may include of ours beside one another: folders, and
# single headers of others. A layer stands after all those it includes, so that no arrow runs back up.
layer() {
    folder=$1
    shift
    allowed="$folder/[a-z0-9_]*\\.[a-z]*\""
    for other in "$@"; do
        case $other in
        *.*) allowed="$allowed|$other\"" ;;
        *) allowed="$allowed|$other/[a-z0-9_]*\\.[a-z]*\"" ;;
        esac
        case " $layers " in
        *" ${other%/*.*} "*) ;;
        *) report 'an arrow that runs back up' "$folder -> $other" ;;
        esac
    done
    layers="$layers $folder"
    report "$folder may include only $folder $*" "$(find "$folder" -maxdepth 1 \( -name '*.[ch]' -o -name '*.def' \) |
        includes | grep '"' | grep -vE "include[[:space:]]*\"($allowed)")"
}

# A system header that belongs to some files only.
owner() { # header, files
    report "only $2 may include $1" "$(sources frontend ir passes codegen runtime |
        grep -vE "^($2)" | includes | grep -E "[<\"]$1")"
}

layer runtime
layer runtime/text runtime
layer runtime/generation runtime/runtime.h runtime/text/text.h
layer runtime/standalone runtime/generation runtime/runtime.h runtime/text/text.h runtime/text/chat.h
layer ir
layer passes ir

layer codegen/target ir runtime/cpu_features.def
layer codegen/pack ir runtime/weights_file.h runtime/team.h
layer codegen/emit codegen/target codegen/pack ir runtime/abi.h
layer codegen/object codegen/emit ir runtime/abi.h

layer frontend/files ir
layer frontend/weights ir
layer frontend/text frontend/files frontend/weights ir runtime/text
layer frontend/model ir
layer frontend/import frontend/files frontend/weights ir
layer frontend/tune codegen/emit codegen/object passes ir runtime/runtime.h runtime/trace.h \
    runtime/nanoseconds.h
layer frontend/compiler frontend/files frontend/weights frontend/text frontend/model frontend/import \
    frontend/tune codegen/pack codegen/emit codegen/object passes ir runtime runtime/text
layer frontend/measure frontend/compiler frontend/files ir runtime runtime/text
layer frontend/lens frontend/measure frontend/compiler frontend/files ir runtime runtime/text \
    runtime/generation/json_text.h
layer frontend/command frontend/lens frontend/measure frontend/compiler frontend/files frontend/text frontend/tune \
    codegen/target/target.h ir runtime runtime/text runtime/generation
layer frontend/manual frontend/command codegen/target/targets.def passes/passes.def ir/enums.def

# Every folder with sources is a layer.
for folder in $(sources frontend ir passes codegen runtime | sed 's|/[^/]*$||' | sort -u); do
    case " $layers " in
    *" $folder "*) ;;
    *) report 'a folder of which layers.sh says nothing' "$folder" ;;
    esac
done

owner 'llvm-c/' 'codegen/'
owner 'yaml\.h' 'frontend/model/yaml\.[ch]$'

# What runtime/ needs is there on every machine: the C library, POSIX, compilers' headers, and xxHash's.
report 'runtime may include only the C library, POSIX, cpuid.h and xxhash.h' "$(
    sources runtime | includes | grep '<' |
    grep -vE '<(assert|cpuid|errno|fcntl|float|getopt|limits|math|poll|pthread|sched|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|time|unistd|xxhash|linux/futex|sys/[a-z]*)\.h>')"

exit $status
