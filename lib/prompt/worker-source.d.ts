/** The program of the tokenizer's worker thread, CommonJS, whole. Written by scripts/worker-source.mjs from tokenizer-worker.ts. */
declare const source: string
export default source
