// onnx_peer.mjs - tokens a second of onnxruntime-node in a prefill.
//
//   node onnx_peer.mjs FOLDER_OF_MODULES MODEL.onnx THREADS VOCAB TOKENS
//
// Prints one number.
import {createRequire} from "node:module";

const [modules, path, threads, vocab, count] = process.argv.slice(2);
const ort = createRequire(modules + "/")("onnxruntime-node");
const session = await ort.InferenceSession.create(path, {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, graphOptimizationLevel: "all"});
const tokens = Number(count);
const ids = BigInt64Array.from({length: tokens}, (_, i) => BigInt((i * 7919) % Number(vocab)));
const feed = {ids: new ort.Tensor("int64", ids, [tokens])};

async function measure() {
    const begin = performance.now();
    await session.run(feed);
    return tokens / (performance.now() - begin) * 1e3;
}

await measure();
console.log(await measure());
process.exit(0);
