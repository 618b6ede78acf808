#!/bin/sh
# tune.sh PROGRAM [CHROMIUM] - tuning as a user meets it: the record, the page, what takes the record,
# signals, a second tuner. How long anything takes, and which schedule is faster, is nowhere asked.
set -u
program=$1 browser=${2-}
. "$(dirname "$0")/script.sh"
record=$work/cache/thalweg/tuning.yaml

by_two() { # CODE ARGUMENT...
    expect "$@" -j 2
}

# Searches until each larger kernel has been tried, and stops it by a signal.
interrupt_search() {
    "$program" tune "$example" -j 2 --budget 1h >out 2>err </dev/null &
    for _ in $(seq 6000); do
        grep -q 'decode read' "$record" 2>grep.err && break
        sleep 0.1
    done
    kill -TERM $!
    wait $!
    code=$?
    [ $code -eq 143 ] || fail "a search that is interrupted: exit code $code, expected 143"
    says "$record" 'decode read'
}

# Of each kernel's candidates all but a few count as tried, so that a search ends by itself.
leave_few_to_try() {
    awk '/    tried:/ { next }
         /    candidates:/ { print "    tried: " ($2 > 3 ? $2 - 3 : $2 - 1) }
         { print }' "$record" >few.yaml && cp few.yaml "$record"
}

# ---- a search, and one that goes on ----

interrupt_search
leave_few_to_try
tried() { awk '/    tried:/ { sum += $2 } END { print sum }' "$record"; }
before=$(tried)
by_two 0 tune "$example" --budget 1h --report page.html
says out 'decode read f32 128 -> 256 + rope + append'
says out '0 left to try; kept in'
says out "kept in '$record'"
[ "$(tried)" -gt "$before" ] || fail 'nothing was tried'
[ ! -e "$record.lock" ] || fail 'the lock is left behind'
"$program" tune --merge "$record" >again.yaml || fail 'the record does not read'
cmp -s again.yaml "$record" || fail 'a record that was read and written is another'
before=$(tried)
by_two 0 tune "$example" --budget 0
[ "$(tried)" -eq "$before" ] || fail 'what was tried was forgotten, or more was tried'

# ---- the page, alone, without scripts or anything from elsewhere ----

one_plot_each() { # page
    plots=$(grep -o '<svg' "$1" | wc -l)
    # Calls have one where the machine was quiet, so that fewer threads were tried.
    { [ "$plots" -ge 12 ] && [ "$plots" -le 14 ]; } || fail "$1: $plots plots in place of 12 to 14"
}

browse() { # OPTION...
    HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" "$@" \
        "file://$work/page.html" 2>err || fail 'the browser fails'
}

one_plot_each page.html
grep -qE '(src|href)="(http|//)' page.html && fail 'the page wants something from elsewhere'
if [ -n "$browser" ]; then
    browse --virtual-time-budget=2000 --dump-dom >page.dom
    one_plot_each page.dom
    says page.dom '<circle class="'
    says page.dom '<line class="limit"'
    says page.dom '<title>Tuning of shakespeare</title>'
    grep -qE ' (y|y1|y2|cy)="-' page.dom && fail 'something is drawn above its plot'
    browse --hide-scrollbars --window-size=900,1400 --screenshot="$work/page.png"
    [ "$(wc -c <page.png)" -gt 20000 ] || fail 'the picture is empty'
fi

# ---- what takes it ----

# Every decoded projection in tiles of one panel, which is never the rule's choice.
awk '/kernel:/ { is_row = /decode (read|project)/ }
     is_row && /schedule:/ { print "    schedule: {rows: 1, panels: 1, block: 1}"; next } { print }' \
    "$record" >other.yaml
by_two 0 explain "$example" --tuning other.yaml
says out '1 x 1, block 1 (tuned)'
says out '^schedules: [1-9]'
by_two 0 explain "$example" --tuning other.yaml --no-tuning
says out '^schedules: 0 tuned, 0 shipped'
by_two 0 run "$example" -n 40 -t 0 --stats --tuning other.yaml
says err 'schedules: [1-9][0-9]* tuned'
mv out tuned.text
by_two 0 run "$example" -n 40 -t 0 --no-tuning
cmp -s out tuned.text || fail 'a schedule changes what is computed'
# Fewer threads are not tried on a busy machine: the record of calls is another one, with its name.
awk '/kernel: "decode calls/ { sub(/calls of/, "calls of another") }
     /kernel: "decode read/ && !is_call++ { $0 = "  - kernel: \"decode calls of shakespeare f32\""; is_row = 1 }
     is_row && /schedule:/ { print "    schedule: {threads: 1}"; is_row = 0; next } { print }' \
    "$record" >calls.yaml
by_two 0 run "$example" -n 40 -t 0 --stats --tuning calls.yaml
says err 'decode by 1 threads'
cmp -s out tuned.text || fail 'the number of threads changes what is computed'
sed 's/thalweg: "[0-9.]*"/thalweg: "999.0"/' other.yaml >later.yaml
by_two 0 explain "$example" --tuning later.yaml
says err 'later version'
says out '^schedules: 0 tuned'
sed 's/schedule: {rows: 1, .*/schedule: {rows: 1, panels: 8, block: 77}/' other.yaml >impossible.yaml
by_two 0 run "$example" -n 4 -t 0 --tuning impossible.yaml

# ---- files of strangers ----

by_two 1 run "$example" -n 1 --tuning missing.yaml
says err 'missing.yaml'
printf 'thalweg-tuning: 1\nrecords: [{kernel: 1}, {}]\n' >bad.yaml
by_two 1 run "$example" -n 1 --tuning bad.yaml
says err 'bad.yaml:2'
by_two 1 tune "$example" --tuning bad.yaml
by_two 1 tune --merge "$record" bad.yaml
cp "$record" kept.yaml
cp bad.yaml "$record"
by_two 0 run "$example" -n 1
says err 'warning'
head -c 700 kept.yaml >"$record"
by_two 0 run "$example" -n 1
says err 'torn'
cp kept.yaml "$record"
for budget in '' x 1x -1 1e9 nan; do by_two 1 tune "$example" --budget "$budget"; done
by_two 1 tune "$example" --budget 0 --tuning no-folder/t.yaml
by_two 2 tune "$example" "$example"
by_two 1 tune "$example" --budget 0 --cpu neoverse-n1

# ---- a second tuner, and the end of one ----

mkfifo held ended
flock "$record.lock" sh -c 'echo >held; read -r _ <ended' &
read -r _ <held
by_two 1 tune "$example" --budget 0
says err 'another process'
echo >ended
wait

for delay in 0.1 0.4 0.7 1.0 1.3 1.6; do
    "$program" tune "$example" -j 2 --budget 60 --from-scratch >out 2>err &
    sleep $delay
    kill -KILL $!
    wait $! 2>err
    by_two 0 tune --merge "$record"
done
by_two 0 tune "$example" --budget 0
