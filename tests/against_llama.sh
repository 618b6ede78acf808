#!/bin/sh
# against_llama.sh PROGRAM PYTHON COMPILER - small models of every family that llama.cpp has, held against
# its prebuilt library, which npm has.
program=$1 python=$2 compiler=$3
. "$(dirname "$0")/script.sh"
version=3.22.1

for tool in npm git; do
    command -v $tool >/dev/null || skip "no $tool"
done
npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$work" \
    "@node-llama-cpp/linux-x64@$version" >out 2>err || skip 'npm does not have the library'
libraries=$work/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64
[ -d "$libraries" ] || skip 'the library is for another machine'

# Its headers are in a bundle of the same version.
npm pack --silent "node-llama-cpp@$version" >out 2>err && tar -xzf "$(tail -n 1 out)" ||
    skip 'npm does not have the headers'
git clone --quiet package/llama/gitRelease.bundle headers >out 2>err || die 'the bundle has no headers'

set -- "$libraries"/libllama.v*.so "$libraries"/libggml.v*.so "$libraries"/libggml-base.so
"$compiler" -O1 -Iheaders/include -Iheaders/ggml/include "$source/tests/llama_logits.c" "$@" \
    -Wl,-rpath,"$libraries" -o llama_logits >out 2>err || die 'its headers are not those of the library'

"$python" "$source/tests/gguf_models.py" "$program" models ./llama_logits "$libraries" >out 2>err ||
    fail 'families differ from llama.cpp'
cat out
