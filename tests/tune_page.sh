#!/bin/sh
# tune_page.sh PROGRAM CHROMIUM - a browser shows the page that `thalweg tune --report` writes: alone,
# without scripts or anything from elsewhere.
set -u
program=$1 browser=$2
. "$(dirname "$0")/script.sh"
. "$source/tests/tune_record.sh"
export HOME="$work"
record=$work/cache/thalweg/tuning.yaml

record_tried "$program" "$example" "$record"
leave_few_to_try "$record"
expect 0 tune "$example" -j 2 --budget 1h --report page.html
"$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
    --virtual-time-budget=2000 --dump-dom "file://$work/page.html" >page.dom 2>browser.err ||
    fail "the browser: $(tail -n 3 browser.err)"
plots=$(grep -o '<svg' page.dom | wc -l)
# Calls have one where the machine was quiet, so that fewer threads were tried.
{ [ "$plots" -ge 12 ] && [ "$plots" -le 14 ]; } || fail "$plots plots in place of 12 to 14"
grep -q '<circle class="' page.dom || fail 'no schedule is drawn'
grep -q '<line class="limit"' page.dom || fail 'no roofline is drawn'
grep -qE ' (y|y1|y2|cy)="-' page.dom && fail 'something is drawn above its plot'
grep -q '<title>Tuning of shakespeare</title>' page.dom || fail 'the page has no title'
grep -qE '(src|href)="(http|//)' page.html && fail 'the page wants something from elsewhere'
"$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" --hide-scrollbars \
    --window-size=900,1400 --screenshot="$work/page.png" "file://$work/page.html" 2>browser.err ||
    fail "the browser: $(tail -n 3 browser.err)"
[ "$(wc -c <page.png)" -gt 20000 ] || fail 'the picture is empty'
