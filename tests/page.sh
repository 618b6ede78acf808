#!/bin/sh
# page.sh PROGRAM PAGE_SAMPLE [BROWSER] - a page with every kind of part: it is whole or not there, wants
# nothing from elsewhere, and in a browser has all its figures, in light and in dark, whatever texts
# it is given. Then the pages of commands.
program=$1 sample=$2 browser=${3-}
. "$(dirname "$0")/script.sh"

"$sample" page.html || die 'the page is not written'
if "$sample" no/such/folder.html 2>err; then fail 'a page goes to a folder that is not there'; fi
says err 'no/such/folder.html'

# What a stranger's text could do.
[ "$(grep -c '</script>' page.html)" -eq 2 ] || fail 'a text ends the element of the script'
[ "$(grep -c '</title>' page.html)" -eq 1 ] || fail 'a text ends the title'
grep -qE '(src|href)="?(http|//)|url\(|@import' page.html && fail 'the page wants something from elsewhere'
grep -q "default-src 'none'" page.html || fail 'the page does not say that it loads nothing'
[ -n "$browser" ] || exit 0

browse() { # SCHEME FRAGMENT OPTION...: 0 dark, 1 light
    scheme=$1 fragment=$2
    shift 2
    HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
        --blink-settings=preferredColorScheme="$scheme" --virtual-time-budget=3000 \
        --enable-logging=stderr --hide-scrollbars --window-size=1000,1400 "$@" "file://$work/page.html$fragment" 2>err ||
        die 'the browser fails'
    # Scripts' errors, and what the page wanted to load, which its policy has refused.
    if grep CONSOLE err; then fail 'the page has errors'; fi
}

count() { # PATTERN NUMBER: how often it stands in the page as drawn
    found=$(grep -oE "$1" page.dom | wc -l)
    [ "$found" -eq "$2" ] || fail "$found times $1 in the page, expected $2"
}

browse 1 '#1.11.4' --dump-dom >page.dom
says page.dom 'data-scheme="light"'
says page.dom 'data-figures="13"'
count 'data-error' 0
count '<td data-index' 216 # two maps of 12 layers and 9 tokens
count '<td [^>]*class="none"' 1
count '<canvas' 7
count 'class="bar"' 16
count '<path class="line"[^>]*d="M[^"]*M' 2 # with a gap
says page.dom '<title>Every part &lt;/title&gt; of a page</title>'
says page.dom '&lt;i&gt;an&lt;/i&gt;' # a cell of the table

# The card tells what is under the focus, with its bars.
sed 's/.*id="card"/id="card"/' page.dom >card
says card 'layer 11, token'
says card 'likeliest tokens'
[ "$(grep -oE 'class="share"' card | wc -l)" -eq 5 ] || fail 'the card has not five bars'

cell='<td data-index="100" style="background: oklch[^;]*; color'
grep -oE "$cell" page.dom >light.cell
browse 0 '' --dump-dom >page.dom
says page.dom 'data-scheme="dark"'
grep -oE "$cell" page.dom >dark.cell
[ -s light.cell ] && [ -s dark.cell ] || fail 'cells have no colours'
if cmp -s light.cell dark.cell; then fail 'light and dark are the same'; fi
browse 0 '' --screenshot="$work/page.png"
[ "$(wc -c <page.png)" -gt 20000 ] || fail 'the picture is empty'

# ---- what commands write ----

# page_of FIGURES COMMAND...: it is written, has nothing of elsewhere, and draws so many figures.
page_of() {
    figures=$1
    shift
    expect 0 "$@" --html page.html
    grep -qE '(src|href)="?(http|//)|url\(|@import' page.html && fail "$1: the page wants something from elsewhere"
    browse 1 '' --dump-dom >page.dom
    says page.dom "data-figures=\"$figures\""
    count 'data-error' 0
}

page_of 3 lens "$example" -p 'KING HENRY: </script>' --logit-diff '"\n",e'
count '<td data-index' 126 # 6 points and 21 tokens
page_of 2 lens "$example" -p 'KING HENRY:' --mid --color rank --target ' ' --scale final
page_of 3 attribute "$example" -p 'KING HENRY:' --token '"\n"' --by neuron
count 'class="bar"' 40
