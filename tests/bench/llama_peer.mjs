// llama_peer.mjs - tokens a second of node-llama-cpp, the llama.cpp that npm has.
//
//   node llama_peer.mjs FOLDER_OF_MODULES MODEL.gguf THREADS decode|prefill TOKENS
//
// Prints one number. The binary comes with the package: nothing is built or downloaded.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const [modules, path, threads, phase, count] = process.argv.slice(2);
const entry = createRequire(modules + "/").resolve("node-llama-cpp");
const {getLlama} = await import(pathToFileURL(entry).href);

const llama = await getLlama({gpu: false, build: "never", skipDownload: true, progressLogs: false,
                              logLevel: "error", maxThreads: Number(threads)});
const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
const tokens = Number(count);
const context = await model.createContext({contextSize: Math.min(model.trainContextSize, tokens + 64),
                                           batchSize: 512, threads: Number(threads)});
const sequence = context.getSequence();
const vocab = model.fileInfo?.metadata?.tokenizer?.ggml?.tokens?.length ?? 32000;
const some = Array.from({length: tokens}, (_, i) => 300 + (i * 7919) % (vocab - 300));

async function prefill() {
    await sequence.clearHistory();
    const begin = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(some);
    return tokens / (performance.now() - begin) * 1e3;
}

async function decode() {
    await sequence.clearHistory();
    let begin = 0, made = 0;
    for await (const _ of sequence.evaluate(some.slice(0, 4), {temperature: 0, yieldEogToken: true})) {
        if (made === 0) begin = performance.now(); // the first comes with the prompt
        if (++made > tokens) break;
    }
    return (made - 1) / (performance.now() - begin) * 1e3;
}

const measure = phase === "decode" ? decode : prefill;
await measure();
console.log(await measure());
process.exit(0);
