#!/bin/sh
# cli.sh PROGRAM [COMPILER] - the command line as scripts meet it: exit codes, streams, files, signals.
# With a compiler also that of a model that is a program of its own.
set -u
program=$1 compiler=${2:-}
. "$(dirname "$0")/script.sh"
shakespeare=$source/examples/shakespeare
shapes=$source/examples/shapes
prompt=$(cat "$shakespeare/prompt.txt")
export THALWEG_EXAMPLES="$source/examples"

no_leftovers() { # files that a call may leave
    for file in ./*; do
        case " ./out ./err $1 " in
        *" $file "*) ;;
        *) case $file in ./cache | ./kept*) ;; *) fail "left behind: $file" ;; esac ;;
        esac
    done
}

# ---- help, version, wrong usage ----

expect 0 --help
says out '^Usage: thalweg'
silent err
for command in check run embed compile opt explain points lens attribute bench compare perplexity tokenize; do
    says out "^  $command "
done
for command in check run embed compile opt explain points lens attribute bench compare perplexity tokenize; do
    expect 0 $command --help
    says out "^Usage: thalweg $command "
    silent err
    [ "$(wc -L <out)" -le 110 ] || fail "help of $command is too wide"
done
for command in check run embed compile opt explain points lens attribute bench compare perplexity tokenize tune; do
    expect 0 $command --help
    example_words=$(sed -n "/^Example:/{n;s/^  thalweg //p}" out)
    case $example_words in
    "$command "*) eval "expect 0 $example_words --help" ;; # its options are options
    *) fail "help of $command has no example" ;;
    esac
done
expect 0 help bench
says out '^Usage: thalweg bench '
says_usage() { # pattern
    says err "$1"
    says err '--help'
    silent out
}
expect 0 --version
says out '^thalweg [0-9.]*\(, commit [0-9a-f]*\)*, LLVM [0-9.]*$'
expect 2
says_usage 'command is missing'
expect 2 chekc
says_usage "did you mean 'check'"
expect 2 run --promt x
says_usage "did you mean '--prompt'"
expect 2 run -n
says_usage 'needs a value'
expect 2 run -n 1.5
says_usage 'whole number'
expect 2 run --temperature=nan
says_usage 'a number from'
expect 2 run --engine=fast
says_usage 'native|interpreter'
expect 2 run --stats=yes
says_usage 'takes no value'
expect 2 run -Z
says_usage "'-Z'"
expect 2 run one two
says_usage "'two'"
expect 2 check
says_usage 'missing operand'
expect 2 run -p a --tokens 1
says err 'exclude each other'
expect 2 run --tokens 1 --tokens-file x
says err 'exclude each other'
expect 2 compile "$example" -o -
expect 2 compile "$example" -o ''
expect 0 opt --operations
same out "$source/ir/OPERATIONS.md" # the page that is read without a build
expect 0 opt --help
says out 'fuse-write'
expect 0 run --cpu help
says out 'x86-64-v3'
says out '+dotprod'
expect 0 run --features help
says out '+dotprod'
expect 0 compile --print-target
says out 'this machine'
silent err
expect 0 explain --print-target --target riscv64-linux-gnu
says out 'runs here   no'
for wrong in --target=x86-64-v9 --target=mips --cpu=znver9 --features=+nonsense --features=avx; do
    expect 1 compile --print-target "$wrong"
    says err '^error: '
    says err '^  hint: '
    silent out
done

# ---- check ----

expect 0 check "$example"
says out ': ok, 940 416 parameters'
silent err
printf 'thalweg: 1\nnam: x\n' >kept.yaml
expect 1 check kept.yaml "$example"
says err 'kept.yaml:2:1'
says err "did you mean 'name'"
says out ': ok'
expect 1 check missing.yaml
says err 'missing.yaml'

# ---- run ----

expect 0 run -n 0
silent out
silent err
expect 0 run -n 200 --temperature 0 -p "$prompt"
silent err
same out "$shakespeare/greedy.txt"
expect 0 run "$example" --seed 7 -n 40
mv out kept.first
expect 0 run "$example" --seed 7 --count=40 --threads=1
same out kept.first
grep -q "$(printf '[\033\r]')" out err && fail 'control codes in a pipe'
expect 0 run -n 12 -p "$prompt" --temperature 0 --engine interpreter
head -c 12 "$shakespeare/greedy.txt" >kept.start
same out kept.start
expect 0 run -n 3 --stats
says err 'tokens/s'
expect 0 run -n 5000 --tokens 10,10
says err 'stopped after 254 tokens'
expect 1 run --tokens 1,300
says err 'token 300 is not in the vocabulary'
expect 1 run --tokens 1,,2
says err 'expected numbers'
expect 1 run -p ''
says err 'empty'
expect 1 run -p "$(head -c 300 /dev/zero | tr '\0' x)"
says err 'prompt has 300 tokens'
expect 1 run "$shapes/stories-260k.yaml" -p x
says err 'tokens'
expect 0 run "$shapes/stories-260k.yaml" --tokens '1, 2' -n 4
says out '^[0-9]* [0-9]* [0-9]* [0-9]*$'

# The same logits by each way; the tokens of the prompt are its bytes.
ids=$(printf %s "$prompt" | bytes)
expect 0 run --tokens "$ids" --logits kept.a.npy
silent out
expect 0 run -n 0 -p "$prompt" --logits kept.b.npy --no-prefill --threads 1
same kept.a.npy kept.b.npy
[ "$(wc -c <kept.a.npy)" -eq $((128 + 55 * 256 * 4)) ] || fail 'logits have the wrong size'
head -c 128 kept.a.npy >out
says out "'shape': (55, 256)"
expect 0 run -n 3 -p "$prompt" --logits kept.b.npy
head -c 128 kept.b.npy >out
says out "'shape': (57, 256)"
expect 1 run -n 0 --logits no/such/folder.npy
says err 'no/such/folder.npy'
no_leftovers ''

# ---- points, taps and edits ----

expect 0 points "$shakespeare/model.yaml"
says out '^blocks.L.attn.hook_z  *zL  *0-4  *4 heads x 32 '
expect 0 points "$shakespeare/model.yaml" --json
says out '"name": "blocks.4.hook_resid_post"'
expect 0 run -n 3 -t 0 -p "$prompt" --tap 'z1[heads=0,2]=kept.z.npy' --tap resid_post=kept.states.npy
[ "$(wc -c <kept.z.npy)" -eq $((128 + 57 * 64 * 4)) ] || fail 'a tap has the wrong size'
head -c 128 kept.states.npy >out
says out "'shape': (5, 57, 128)"
expect 0 run -n 3 -t 0 -p "$prompt" --tap 'z1[heads=0,2]=kept.again.npy' --no-prefill --threads 1
same kept.z.npy kept.again.npy
expect 0 run -n 0 -p "$prompt" --edit L1H0:zero --tap L1H0=kept.z.npy
tail -c +129 kept.z.npy | tr -d '\0' >out
silent out
expect 0 explain "$shakespeare/model.yaml" --edit attn_out1:negate --tap L0N3
says out 'edit hook_attn_out'
says out 'tap mlp.hook_post'
expect 1 run --tap resid_pst=kept.none.npy
says err "did you mean 'resid_post'"
expect 1 run -n 0 --tap z0=kept.one.npy --tap z1=kept.one.npy
says err "two taps go to 'kept.one.npy'"
expect 1 run -n 0 --tap z0=no/such/folder.npy
says err 'no/such/folder.npy'
expect 2 run --tap z0
says err 'needs a file'
expect 2 compile "$shakespeare/model.yaml" --tap z0=kept.none.npy
says err 'which .thalweg run. alone writes'
no_leftovers ''

# ---- context and memory ----

expect 0 run -n 99 --context 16 -p 'KING HENRY:'
says err 'stopped after 5 tokens: the context of 16 is full'
expect 1 run --context 5 -p 'KING HENRY:'
says err "11 tokens, the model's context 5"
expect 2 run --context 0
says_usage 'context'
expect 1 compile "$source/examples/gpt2-mini/model.yaml" --context 129 -o kept.mini
says err 'model.yaml:8:20: error: a context of 129 .* its learned positions are 128'
says err 'hint: ask for at most 128'
# Caches of 2 TB, which no machine has; weights of 1 MB.
cat >kept.vast.yaml <<'END'
thalweg: 1
name: vast
vocab: 9
context: 4194304
stream: {width: 8}
blocks: [{repeat: 16, branches: [{attention: {heads: 1, head_dim: 4096}}]}]
head: {tied: true}
weights: {synthetic: 1}
END
for command in 'run --tokens 1 -n 1' 'bench' 'tune' 'compare --against kept.vast.yaml'; do
    expect 1 $command kept.vast.yaml --context 4194304 --cache kept.vast
    says err "'vast' takes 2199\.[0-9]* GB, and there are .* for a context of 4194304"
    says err '`--context [0-9]*` fits'
    silent out
done
[ -z "$(find kept.vast -name 'vast*')" ] || fail 'packed or compiled before memory was looked at'
expect 0 run --context 64 --tokens 1,2 -n 2 kept.vast.yaml
expect 0 explain kept.vast.yaml --context 4194304
silent err
says out '^  all .* MB with .* threads: more than there is'
expect 0 explain kept.vast.yaml
says err "^note: the context is [0-9]*, not the model's own 4194304"
says out '^  all .* MB with [0-9]* threads$'
no_leftovers ''

# ---- embed ----

cat >kept.embed.yaml <<'END'
thalweg: 1
name: embed
vocab: 9
context: 6
stream: {width: 8}
blocks: [{branches: [{attention: {heads: 2, causal: false}}]}]
head: {output: hidden, norm: rms}
pooling: {kind: mean, normalise: true}
weights: {synthetic: 1}
END
printf '1,2,3\n4\r\n  5 6, 7 8' >kept.texts
expect 0 embed kept.embed.yaml -f kept.texts -o kept.rows.npy
silent out
head -c 128 kept.rows.npy >out
says out "'shape': (3, 8)"
[ "$(wc -c <kept.rows.npy)" -eq $((128 + 3 * 8 * 4)) ] || fail 'rows have the wrong size'
"$program" embed kept.embed.yaml -o kept.again.npy --threads 3 <kept.texts 2>err || fail 'texts of standard input'
same kept.rows.npy kept.again.npy
expect 0 run kept.embed.yaml --tokens 4 --logits kept.one.npy # a text's row by itself
tail -c +129 kept.one.npy >kept.one
tail -c +161 kept.rows.npy | head -c 32 | cmp -s - kept.one || fail 'a row depends on the texts beside it'
expect 1 run kept.embed.yaml --tokens 4 -n 1
says err 'is not causal'
printf '1\n\n2\n' | "$program" embed kept.embed.yaml -o kept.bad.npy 2>err && fail 'an empty line'
says err 'standard input:2: a text has at least one token'
for text in '1 2 9' '1 2 3 4 5 6 7' 'one'; do
    printf '1\n%s\n' "$text" >kept.bad
    expect 1 embed kept.embed.yaml -f kept.bad -o kept.bad.npy
    says err 'kept.bad:2:'
done
expect 1 embed kept.embed.yaml -f /dev/null -o kept.bad.npy
says err 'has no texts'
expect 1 embed "$example" -f kept.texts -o kept.bad.npy
says err 'say `pooling: mean`'
[ ! -e kept.bad.npy ] || fail 'rows of texts that are refused'
expect 1 embed kept.embed.yaml -f kept.texts -o no/such/folder.npy
says err 'no/such/folder.npy'
# How near texts are to each other; rows are kept only where a file is named.
expect 0 embed kept.embed.yaml -f kept.texts --cosine
[ ! -e embeddings.npy ] || fail 'rows that nobody asked for'
cp out kept.table
od -An -v -t f4 -j 128 -w32 kept.rows.npy | awk '
    { for (i = 1; i <= 8; i++) row[NR, i] = $i }
    function dot(a, b, i, sum) { for (i = 1; i <= 8; i++) sum += row[a, i] * row[b, i]; return sum }
    END { for (a = 1; a <= 3; a++) for (b = 1; b <= 3; b++)
              printf "%.4f%s", dot(a, b) / sqrt(dot(a, a) * dot(b, b)), b < 3 ? " " : "\n" }' >kept.cosines
awk 'NR > 1 { print $2, $3, $4 }' kept.table >out
same out kept.cosines
sed -n 4p kept.table >out
says out '  5 6, 7 8$'
expect 0 embed kept.embed.yaml -f kept.texts --cosine --json -o kept.again.npy
says out "^    \[1, $(cut -d ' ' -f 2 kept.cosines | head -1 | cut -c 1-5)[0-9]*, "
same kept.rows.npy kept.again.npy
expect 2 embed kept.embed.yaml -f kept.texts --json
says err 'json needs --cosine'
yes 1 | head -257 >kept.many
expect 1 embed kept.embed.yaml -f kept.many --cosine
says err 'kept.many has 257 texts; --cosine takes at most 256'

# ---- streams that are closed, full, unread or pipes ----

full() { # command: standard output is a disk without room
    "$@" >/dev/full 2>err
    code=$?
    [ $code -eq 1 ] || fail "$* >/dev/full: exit code $code, expected 1"
    [ -s err ] || fail "$* >/dev/full: nothing is said"
}

unread() { # command: standard output is a pipe that nobody reads; also where the signal is ignored
    mkfifo kept/unread
    for disposition in - ''; do
        # shellcheck disable=SC2094 # opened for both, so that opening does not wait
        exec 3<>kept/unread 4>kept/unread 3<&-
        # shellcheck disable=SC2064 # it is none or the default
        (trap "$disposition" PIPE && exec "$@" >&4 2>err)
        code=$?
        exec 4>&-
        [ $code -eq 141 ] || fail "$*, unread: exit code $code, expected 141"
        silent err
    done
    rm kept/unread
}

streams() { # command that continues a prompt
    full "$@" -n 200
    unread "$@" -n 200
    full "$@" --help
    unread "$@" --help
    printf %s "$prompt" | "$@" -p - -n 200 -t 0 >out 2>err || fail "$* -p - fails"
    same out "$shakespeare/greedy.txt"
    printf '%s\n' "$ids" | tr , ' ' | "$@" --tokens - -n 200 -t 0 >out 2>err ||
        fail "$* --tokens - fails"
    same out "$shakespeare/greedy.txt"
    printf '1 2 3x' | "$@" --tokens - >out 2>err && fail "$* takes what is no token"
    says err 'standard input'
    silent out
    "$@" -p - </dev/null >out 2>err && fail "$* takes an empty prompt"
    says err 'empty'
    "$@" -n 5 <&- >&- 2>&- || fail "$* does not run without streams"
}

mkdir kept
streams "$program" run
if [ -n "$compiler" ]; then
    expect 0 compile "$example" --emit=exe --cc "$compiler" -o kept/shakespeare
    streams kept/shakespeare
fi
"$program" explain --graph "$example" >kept/graph || fail 'no graph'
sed -n '/^graph/,/^}/p; /^}/q' kept/graph >kept/graph.ir
for work_on in "explain --graph $shapes/gpt2-124m.yaml" "check $example" 'opt --operations' \
    'opt kept/graph.ir --passes=canonicalise' "compile $example -o - --emit asm" 'run --cpu help'; do
    # shellcheck disable=SC2086 # words
    full "$program" $work_on
    # shellcheck disable=SC2086
    unread "$program" $work_on
done

# Logits are whole or not there, whatever becomes of the text, and go into no other file.
expect 0 run -n 32 -p "$prompt" --logits kept/a.npy
for stream in full unread; do
    $stream "$program" run -n 32 -p "$prompt" --logits kept/none.npy
    ls kept/none.npy* >out 2>&1 && fail 'logits that are not complete'
done
"$program" run -n 32 -p "$prompt" --stats --logits kept/b.npy <&- >&- 2>&- || fail 'closed streams'
same kept/a.npy kept/b.npy
expect 1 run -p x --logits /dev/full
says err "'/dev/full' cannot be written"
expect 0 run -p "$prompt" --logits kept/a.npy
"$program" run -p "$prompt" --logits /dev/stdout 2>err | cat >kept/b.npy
same kept/a.npy kept/b.npy
mkfifo kept/pipe
cat kept/pipe >kept/b.npy &
expect 0 run -p "$prompt" --logits kept/pipe
wait
same kept/a.npy kept/b.npy
unread "$program" run -p "$prompt" --logits /dev/stdout

# Tokens of a file.
printf %s "$ids" | tr , '\n' >kept/ids
expect 0 run --tokens-file kept/ids -n 200 -t 0
same out "$shakespeare/greedy.txt"
printf '1 2\n3,x4\n' >kept/ids
expect 1 run --tokens-file kept/ids
says err "kept/ids:2:3: found 'x4'"
yes 7 | head -n 1000000 >kept/ids
expect 1 run --tokens-file kept/ids
says err 'prompt has 1000000 tokens'
expect 1 run --tokens-file kept/none
says err 'kept/none'
head -c 70000000 /dev/zero | "$program" run -p - >out 2>err && fail 'a prompt without end'
says err 'too long'

# What is said has a line of its own, and the text no line end that is not its own.
expect 0 run -n 3 --seed 5
mv out kept/text
"$program" run -n 3 --seed 5 --stats >out 2>&1
says out '^shakespeare: ready'
head -c 3 out >kept/start
same kept/text kept/start
"$program" run -n 3 --seed 5 --cache /proc >out 2>&1
says out '^warning: '
"$program" run -n 3 --seed 5 >out 2>&1
same kept/text out
"$program" run -n 3 --seed 5 --stats >out 2>err
same kept/text out
[ "$(wc -l <err)" -eq 1 ] || fail 'more than a line of timings'
rm -r kept
no_leftovers ''

# ---- a cache that cannot be used, and what else is in one that can ----

expect 0 run -n 20 --seed 3
mv out kept.text
warns() { # command: it runs all the same, and says so once
    "$@" >out 2>err </dev/null || fail "$* fails"
    same kept.text out
    [ "$(grep -c '^warning: ' err)" -eq 1 ] || fail 'expected one warning'
}
for temporary in "$work" /no/such/folder; do
    warns env -u HOME -u XDG_CACHE_HOME TMPDIR="$temporary" "$program" run -n 20 --seed 3
    says err 'XDG_CACHE_HOME'
    warns env TMPDIR="$temporary" "$program" run -n 20 --seed 3 --cache "$example/none"
    no_leftovers ''
done
env -u HOME -u XDG_CACHE_HOME "$program" tune "$example" --budget 0 >out 2>err </dev/null &&
    fail 'tuning is kept nowhere'
says err 'tuning.yaml'
says err '--tuning'
expect 1 tune "$example" --budget 0 --cache "$example/none"
says err "$example/none/tuning.yaml"
says err '--tuning'

# A disk that is full, or can only be read, where such can be made.
cat >kept.mounted <<'EOF'
mkdir kept.disk
mount -t tmpfs -o size=64k none kept.disk 2>&1 || exit 9
"$1" run -n 20 --seed 3 --cache kept.disk >out 2>err || exit 1
ls kept.disk/*.part 2>&1 && exit 2
mount -o remount,ro none kept.disk
"$1" run -n 20 --seed 3 --cache kept.disk >>out 2>>err || exit 3
"$1" tune "$2" --budget 0 --cache kept.disk >kept.tune 2>&1 && exit 4
grep "^error: 'kept.disk/tuning.yaml' cannot be written: .*Read-only" kept.tune || exit 5
EOF
if unshare -rm sh -c 'mount -t tmpfs none /mnt' 2>err; then
    unshare -rm sh kept.mounted "$program" "$example" >kept.why || fail "$? $(cat kept.why)"
    cat kept.text kept.text >kept.twice
    same kept.twice out
    [ "$(grep -c '^warning: ' err)" -eq 2 ] || fail 'expected a warning of each run'
    rmdir kept.disk
else
    echo "SKIPPED: disks that are full or can only be read: $(cat err)"
fi

# Of a user's own files none goes, however much room they take and whatever they are called.
mkdir -m 700 kept.mine
for file in precious.code precious.code.1-0.part precious.weights precious.weights.1-0.part; do
    truncate -s 300M kept.mine/$file
    touch -d '3 days ago' kept.mine/$file
done
expect 0 run -n 20 --seed 3 --cache kept.mine
silent err
[ "$(find kept.mine -name 'precious.*' | wc -l)" -eq 4 ] || fail 'files of the user are gone'
[ "$(find kept.mine -type f | wc -l)" -eq 6 ] || fail 'code and weights are not kept'
rm -r kept.mine

# Logits that are no numbers: NaN goes through every activation and format.
for how in --weights-type=f32 --weights-type=bf16 --weights-type=q8 --weights-type=q4 \
    --engine=interpreter; do
    expect 1 run "$source/tests/overflow.yaml" -p abc -n 3 "$how"
    silent out
    says err 'the logits after token 3 are not numbers'
done

# ---- code that is kept ----

kept_code() {
    find cache -name '*.code*' | wc -l
}

# Together at first, then one after the other, and without.
rm -f cache/thalweg/*.code
for i in 1 2 3; do "$program" run --seed 7 -n 40 >kept.text.$i 2>kept.err.$i & done
wait
expect 0 run --seed 7 -n 40
silent err
for i in 1 2 3; do
    same kept.text.$i out
    [ ! -s kept.err.$i ] || fail 'starts at the same time disturb each other'
done
[ "$(kept_code)" -eq 1 ] || fail 'the code should be kept once'
expect 0 run --seed 7 -n 40 --no-code-cache
same kept.text.1 out

# Where there is no room, the model runs all the same; XFSZ is what a limit of sizes sends.
rm -f cache/thalweg/*.code
(
    trap '' XFSZ
    ulimit -f 8
    exec "$program" run --seed 7 -n 40
) >out 2>err || fail 'a model does not run where its code cannot be kept'
same kept.text.1 out
says err 'warning: the compiled code is not kept'
[ "$(kept_code)" -eq 0 ] || fail 'a part of the code is left behind'

chmod go+w cache/thalweg
expect 0 run --seed 7 -n 40
same kept.text.1 out
says err 'warning: nothing is kept in'
[ "$(kept_code)" -eq 0 ] || fail 'code is kept where others can write'
chmod go-w cache/thalweg

# What is in the cache is replaced, and not what a link there leads to.
mkdir kept
echo precious >kept/victim
weights=$(ls cache/thalweg/shakespeare-*.weights)
rm -f "$weights" "$weights.checked"
ln -s "$PWD/kept/victim" "$weights"
expect 0 run "$example" -n 1
[ "$(cat kept/victim)" = precious ] || fail 'weights are written through a link'

# ---- compile ----

expect 0 compile "$example" -o kept
for file in kept/shakespeare.o kept/shakespeare.h kept/shakespeare.weights; do
    [ -s $file ] || fail "no $file"
done
expect 0 compile "$example" -o kept/other.ll --emit=llvm
says kept/other.ll 'define'
expect 0 compile "$example" -o - --emit asm
says out '.text'
expect 0 compile "$example" -o kept/new/folder/x # missing folders are made
[ -s kept/new/folder/x.o ] || fail 'no object in a new folder'
expect 0 compile "$example" --emit=llvm -o kept/newer/
[ -s kept/newer/shakespeare.ll ] || fail 'no file in a new folder'
cp kept/new/folder/x.weights kept/x.weights # files of two calls never stand side by side
expect 1 compile "$example" --weights-type q8 --emit=shared --cc false -o kept/new/folder/x
cmp -s kept/x.weights kept/new/folder/x.weights || fail 'a call that failed has replaced weights'
expect 1 compile "$example" --emit=shared --cc false -o kept/none/
[ -z "$(ls kept/none)" ] || fail "a call that failed left $(ls kept/none)"
expect 1 compile "$example" --target x86-64-v2, -o kept
says err "no target is called ''"
expect 1 compile "$example" -o kept/shakespeare.o/x
says err 'Not a directory'
expect 0 compile "$example" --target x86-64-v2,x86-64-v3 -o kept/several
says kept/several.h 'for x86-64-v3, x86-64-v2, at O3'
expect 1 compile "$example" -o kept --cpu no-such-cpu
says err 'no-such-cpu'
expect 0 compile "$example" -o kept --emit=bitcode
[ "$(head -c 4 kept/shakespeare.bc | od -An -tx1 | tr -d ' ')" = 4243c0de ] || fail 'no bitcode'
expect 0 compile "$example" -o - --emit=bitcode
same out kept/shakespeare.bc

# sizes FILE.o OPTION...: the report adds up to what is written.
sizes() {
    object=$1
    shift
    expect 0 compile "$example" -o kept "$@"
    expect 0 compile "$example" --size "$@"
    silent err
    sums=$(awk '/^object file/ { sums = 1; next }
                /^memory/ { sums = 0 }
                /^  shakespeare[._]/ { functions += $2 }
                sums && $1 == "text" { text = $2 }
                sums && $1 == "debug" { debug = $2 }
                sums && $1 != "all" { parts += $2 }
                sums && $1 == "all" { print (functions == text), (debug > 0), parts, $2 }' out)
    size=$(($(wc -c <"$object")))
    [ "$sums" = "1 1 $size $size" ] || fail "sizes do not add up: $sums, not 1 1 $size $size"
}
sizes kept/shakespeare.o
says out '^  shakespeare.decode.read_qkv.128x256.f32 .* 5  read attention.q,k,v + rope + append$'
says out '^  shakespeare.prefill  .* entry'
says out '^  weights '
sizes kept/shakespeare.o --embed-weights --cache kept/cache
[ "$(find kept/cache -name 'shakespeare-*.weights' -size +0)" ] || fail 'compile takes no notice of --cache'
sizes kept/shakespeare.o --cpu neoverse-n1 --weights-type q4
says out '^  shakespeare.decode.read_gate_up.128x688.q4 .* 5 '
mkdir kept/empty
(cd kept/empty && "$program" compile "$example" --size) >out 2>err || fail 'compile --size fails'
rmdir kept/empty || fail 'compile --size writes files'
expect 1 compile "$example" -o kept --emit=shared --cc "$(seq -s ' ' 60)"
says err 'longer than'
expect 1 compile "$example" -o kept --target riscv64-linux-gnu --cpu znver4
says err 'znver4'
no_leftovers ''

# What is made on the way is gone when the program is: at once, or when the next one looks.
mkdir kept/tmp
TMPDIR=$PWD/kept/tmp
export TMPDIR
cat >kept/killer <<EOF
#!/bin/sh
# Another program that looks leaves what is in use.
"$program" compile "$example" -o - --emit llvm >/dev/null && ls kept/tmp >kept/in_use
kill -KILL \$PPID
EOF
chmod +x kept/killer
mkdir kept/tmp/thalweg-models
echo precious | tee kept/tmp/thalweg-models/.thalweg-lock >kept/tmp/thalweg-models/file
sh -c '"$@"; exit $?' - "$program" compile "$example" --emit=shared --cc kept/killer -o gone.so >out 2>err
[ $? -eq 137 ] || fail 'the program was to be killed'
[ "$(wc -l <kept/in_use)" -eq 2 ] || fail 'a folder that is in use was removed'
rm -f gone.*
[ "$(find kept/tmp -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ] || fail 'nothing is left of what was killed'
expect 0 compile "$example" -o - --emit asm
[ "$(ls kept/tmp)" = thalweg-models ] || fail 'what was killed has left its folder'
[ "$(cat kept/tmp/thalweg-models/file)" = precious ] || fail 'files of the user are gone'
unset TMPDIR
rm -r kept/tmp

# ---- opt and explain ----

graph() { # number: that graph of `explain --graph`
    awk -v wanted="$1" '/^graph/ { n++ } n == wanted; /^}/ && n == wanted { exit }' kept.explained
}

expect 0 explain "$example"
says out 'decode'
expect 0 explain "$shapes/tinyllama-1.1b.yaml"
says out 'barriers: 111$'
says out 'barriers: 89; 22 more'
expect 0 explain --graph "$example"
mv out kept.explained
graph 1 >kept.ir
graph 2 >kept.optimised.ir
expect 0 explain -g described "$example"
sed 1d out >kept.described.ir
same kept.described.ir kept.ir
expect 0 explain "$example" --graph=decode,0
says out '^# decode, layer 0$'
expect 1 explain -g 99 "$example"
says err 'layers 0 to 4'
silent out
expect 0 opt kept.ir --skip-passes=place-buffers,schedule --statistics
says err 'fuse-write: 10 of 10'
same out kept.optimised.ir
"$program" opt - --skip=place-buffers,schedule <kept.ir >out 2>err || fail 'opt - fails'
same out kept.optimised.ir
expect 0 opt kept.ir --passes=canonicalise --print-after=canonicalise
says err '^graph @shakespeare'
printf 'not a graph\n' >kept.bad.ir
expect 1 opt kept.bad.ir
says err 'kept.bad.ir:1'
silent out
expect 1 opt kept.bad.ir --passes=no-such-pass

# ---- bench ----

expect 0 bench "$example" --prefill 8 --decode 4 --repeats 1
says out '^prefill 8 at 0'
says out '^decode 4 at 0'
expect 0 bench "$example" --prefill 0 --decode 2 --at 5 --repeats 1 --json
says out '"prefill": null'
says out '"position": 5'
says out '"kernels": \['
for key in phase kernel shape count microseconds share gigabytes_per_second gigaflops fraction bound; do
    [ "$(grep -c "^ *\"$key\": " out)" -ge 7 ] || fail "no '$key' for each kernel"
done
says out '"phase": "decode"'
grep -q '"phase": "prefill"' out && fail 'kernels of a prefill that was not measured'
expect 0 bench "$example" --prefill 8 --decode 1 --repeats 1 --trace kept.trace.json
says out '^prefill, a call of 8 tokens'
says out '^decode, a call of 1 token'
says out '^  read mlp.gate,up + silu + multiply .* 5 '
says out '^  barriers .* 26 '
[ "$(head -n 1 kept.trace.json)$(tail -n 1 kept.trace.json)" = '[]' ] || fail 'the trace is no array'
threads=$(grep -c '"thread_name"' kept.trace.json)
[ "$(grep -c '"name":"wait","cat":"decode","ph":"X"' kept.trace.json)" -eq $((26 * threads)) ] ||
    fail 'the trace has not each wait of each thread'
expect 1 bench "$example" --prefill 8 --decode 1 --repeats 1 --trace no/such/folder.json
says err 'no/such/folder.json'
silent out
expect 1 bench "$example" --prefill 257 --trace gone.json
says err 'context'
no_leftovers ''

# ---- compare ----

expect 0 compare "$example" --engine interpreter --against "$example" --tolerance 1e-5
says out '^tokens      64 (made up), 256 logits each$'
says out '^top 1       agrees for 64 of 64$'
silent err
expect 0 run "$example" --tokens 1,2,3 --logits kept.npy
expect 0 compare "$example" --tokens 1,2,3 --logits kept.npy --tolerance 0
says out '^difference  at most 0, which is 0 of the range; root mean square 0$'
expect 1 compare "$example" --tokens 1,2,4 --logits kept.npy --tolerance 1e-3
says err 'the largest difference is .* of the range, more than the tolerance of 0.001'
expect 0 compare "$example" --tokens 1,2,4 --logits kept.npy --json
says out '"largest": [0-9]'
expect 1 compare "$example" --tokens 1,2 --logits kept.npy
says err "'kept.npy' has 3 rows, and 2 tokens are given"
expect 1 compare "$example" --tokens 1,2,3 --logits "$example"
says err 'this is not a NumPy file'
expect 1 compare "$shapes/gpt2-124m.yaml" --against "$example"
says err "'gpt2-124m' has a vocabulary of 50257, 'shakespeare' one of 256"
expect 1 compare kept.embed.yaml --against kept.embed.yaml
says err 'pools its tokens'
expect 2 compare "$example"
says err 'one of --logits and --against'
expect 2 compare "$example" --logits kept.npy
says err 'needs the tokens'
rm kept.npy

# ---- cache ----

expect 0 run "$example" -n 1 --tokens 1 --cache kept.cache
expect 0 cache --cache kept.cache
says out '^kept.cache: 2 files, '
says out '^  weights .* shakespeare$'
silent err
expect 0 cache --cache kept.cache --prune 0 --json
says out '"files": \[\]'
expect 0 cache --cache none
says out '^none: 0 files, 0.0 MB$'
expect 2 cache --prune lots
says err 'expected a number of bytes, as 500M or 20G'
expect 2 cache "$example"
says err 'unexpected operand'

# ---- signals: work stops at a clean place, and no file is left ----

# SIGNAL CODE FILE ARGUMENT...: ends the program by one signal when a file of such a name is there, which
# it makes in the midst of its work.
interrupt() {
    signal=$1 signal_code=$2 begun=$3
    shift 3
    env --default-signal=$signal "$program" "$@" >out 2>err &
    until ls $begun >kept/begun 2>&1 || ! kill -0 $!; do sleep 0.02; done
    kill -s $signal $!
    [ ! -e kept/slow ] || : >kept/may_end
    wait $!
    code=$?
    [ $code -eq $signal_code ] || fail "thalweg $*: exit code $code, expected $signal_code"
    rm -f kept/begun
}
interrupt INT 130 'gone.npy*' run "$shapes/gpt2-124m.yaml" --tokens 1 -n 1000 --engine interpreter --logits gone.npy
no_leftovers ''
interrupt INT 130 'gone*.part' compile "$shapes/tinyllama-1.1b.yaml" -o gone
no_leftovers ''

# While something is linked, by a compiler that takes no notice of signals.
mkdir kept/tmp
cat >kept/slow <<'EOF'
#!/bin/sh
trap '' INT TERM HUP
: >kept/linking
until [ -e kept/may_end ]; do sleep 0.02; done
EOF
chmod +x kept/slow
TMPDIR=$PWD/kept/tmp
export TMPDIR
interrupt INT 130 kept/linking compile "$example" --emit=shared --cc ./kept/slow -o gone.so
[ -z "$(ls kept/tmp)" ] || fail 'what was to be linked is left behind'
rm -f gone.h gone.weights kept/slow kept/may_end kept/linking
unset TMPDIR
no_leftovers ''

# A terminal that is closed.
interrupt HUP 129 'gone*.part' compile "$shapes/tinyllama-1.1b.yaml" -o gone
no_leftovers ''
