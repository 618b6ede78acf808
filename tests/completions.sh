#!/bin/sh
# completions.sh BUILD - what bash, zsh and fish offer behind `thalweg ...`, asked in the way that each of
# them asks. Shells that are not there are left out; 77: none is.
set -u
manual=$(cd "$1/frontend/manual" && pwd) || exit 2
program=$(cd "$1" && pwd)/thalweg
. "$(dirname "$0")/script.sh"
export LC_ALL=C.UTF-8 HOME="$work"
mkdir files files/folder 'files/two words'
touch files/one.yaml files/two.yaml files/graph.ir files/logits.npy files/page.html 'files/folder/in.yaml'

# ---- how each shell is asked: a line up to the cursor; words are written, one a line ----

cat >ask.bash <<'END'
source "$1"
line=$2
# As readline divides it, with and without `=` among what divides words.
set -f
if [[ $3 == divided ]]; then line=${line//=/ = }; fi
COMP_WORDS=($line)
[[ $line == *' ' && $2 != *= ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
set +f
_thalweg thalweg "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
END
ask_bash() { (cd files && bash --norc ../ask.bash "$manual/thalweg.bash" "$1" divided); }
ask_bash_undivided() { (cd files && bash --norc ../ask.bash "$manual/thalweg.bash" "$1" whole); }

# Words alone: descriptions stand behind a tab.
ask_fish() { (cd files && fish --no-config -c "source '$manual/thalweg.fish'; complete -C '$1'") | cut -f 1; }

# zsh completes on a terminal: what would be shown is caught where the functions hand it over.
cat >ask.zsh <<'END'
zmodload zsh/zpty
cd $3
export TERM=dumb
zpty shell zsh -f -i
zpty -w shell "fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -C -d ${(q)3}/../dump"
zpty -w shell 'compadd() {
    local -a words
    if [[ -z ${argv[(r)-[OAD]]} ]]; then
        builtin compadd -A words "$@"
        [[ -z $words ]] || print -rl -- $IPREFIX$^words >>'"${(q)4}"'
    fi
    builtin compadd "$@"
}'
zpty -w shell 'zle -C capture complete-word _main_complete'
zpty -w shell "ask() { zle capture; print -r -- --done-- >>${(q)4}; }; zle -N ask; bindkey '^X' ask"
zpty -n -w shell "$2"$'\C-x'
for ((i = 0; i < 1200; i++)); do
    [[ -e $4 ]] && grep -q '^--done--' $4 && break
    sleep 0.05
done
zpty -d shell
END
ask_zsh() {
    rm -f caught
    zsh -f ask.zsh "$manual" "$1" "$work/files" "$work/caught" && sed '/^--done--$/d' caught
}

# ---- what is to be offered ----

# LINE WORD...: exactly these are offered behind the line. Shells differ in what stands around: the option
# or the folders before a word, the slash or '=' after it, the signs that quote a blank.
offers() {
    line=$1
    shift
    printf '%s\n' "$@" | LC_ALL=C sort >expected
    "ask_$shell" "$line" 2>err | sed 's/[=/]$//; s/^--[a-z-]*=//; s/\\ / /g; s|.*/||' | LC_ALL=C sort -u >offered
    [ ! -s err ] || fail "$shell, '$line': $(cat err)"
    cmp -s expected offered ||
        fail "$shell offers behind '$line' '$(paste -s -d ' ' offered)', not '$(paste -s -d ' ' expected)'"
}

# What the tables and the program say, told without the program that made the completions.
commands=$(sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' "$source/frontend/command/commands.def")
cpus=$("$program" run --cpu help | sed -n 's/^  \([a-z][a-z0-9-]*\) .*/\1/p')
emitted=$("$program" compile --help | sed -n 's/^ *--emit //p' | tr '|' ' ')
passes=$("$program" opt --help | sed -n '/^Passes/,$s/^  \([a-z-]*\) .*/\1/p' | paste -s -d ' ')
options_of() { "$program" "$1" --help | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p'; }

for shell in bash bash_undivided zsh fish; do
    command -v ${shell%_undivided} >/dev/null || continue
    found="${found:-}$shell "
    # shellcheck disable=SC2086 # lists of words
    {
        offers 'thalweg ' $commands help
        offers 'thalweg b' bench
        offers 'thalweg help ' $commands
        offers 'thalweg compile --emit=' $emitted
        offers 'thalweg compile --emit s' static shared
        offers 'thalweg run --cpu ' $cpus help
        offers 'thalweg opt --passes ' $passes
        for command in $commands; do
            # shellcheck disable=SC2046 # they are words
            offers "thalweg $command --" $(options_of "$command")
        done
    }
    offers 'thalweg run --logits ' logits.npy folder 'two words'
    offers 'thalweg opt --passes fold-norm,place' fold-norm,place-buffers
    offers 'thalweg check ' one.yaml two.yaml folder 'two words'
    offers 'thalweg check folder/' in.yaml
    offers 'thalweg opt ' graph.ir folder 'two words'
    offers 'thalweg compile --runtime ' folder 'two words'
    offers 'thalweg compile one.yaml -o o' one.yaml
    offers 'thalweg bench --no' --no-code-cache --no-tuning
    offers 'thalweg explain --graph=de' decode described
done
if [ -z "${found:-}" ]; then
    echo 'there is no shell whose completions could be asked'
    exit 77
fi
printf 'asked: %s\n' "$found"
