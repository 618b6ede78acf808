# tune_record.sh - sourced by the tests of tuning: a record made without asking how fast the machine is.
# shellcheck shell=sh

# record_tried PROGRAM MODEL RECORD: searches until each larger kernel has been tried, then stops
# it by a signal. Returns the search's exit code, or 1 if ten minutes were not enough.
record_tried() {
    "$1" tune "$2" -j 2 --budget 1h >search.out 2>search.err </dev/null &
    search=$!
    for _ in $(seq 6000); do
        grep -q 'decode read' "$3" 2>search.grep && break
        sleep 0.1
    done
    kill -TERM $search
    wait $search
    search_code=$?
    grep -q 'decode read' "$3" || return 1
    return $search_code
}

# leave_few_to_try RECORD: of each kernel's candidates all but a few count as tried, so that a
# search ends by itself.
leave_few_to_try() {
    awk '/    tried:/ { next }
         /    candidates:/ { print "    tried: " ($2 > 3 ? $2 - 3 : $2 - 1) }
         { print }' "$1" >few.yaml && cp few.yaml "$1"
}
