// Models on the Hugging Face Hub, for the public API: the room that knows hubs is loaded by the first call.
import type { CachedModel, HubCacheOptions, PullOptions, PullReport, RemoveReport } from '../hub/index.js'

const room = (): Promise<typeof import('../hub/index.js')> => import('../hub/index.js')

/**
 * Fetches a model into the cache that Python's huggingface_hub uses too: `owner/repo`, `owner/repo@revision`, `hf:owner/repo/file.gguf`; everything but
 * pickles. Parallel, resumed after a cut or a kill, verified. `report.path` is what `loadModel` takes. Reads `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`,
 * `HF_TOKEN`, `HF_HUB_OFFLINE` and the proxy variables. Rejects with `hub/unavailable`, `hub/denied` (private, gated, or no such
 * repository), `hub/mismatch` (other bytes than promised), `model/not-found` (no such revision or file), `output/failed` (disk full),
 * `request/invalid`, or `signal.reason`.
 * @example const { path } = await pull('Alpha-VLLM/Lumina-DiMOO', { onProgress: ({ fraction }) => console.log(fraction) })
 */
export async function pull(reference: string, options: PullOptions = {}): Promise<PullReport> {
  return (await room()).pull(reference, options)
}

/** What the cache holds, largest first: models of every kind, whoever fetched them. */
export async function listPulled(options: HubCacheOptions = {}): Promise<readonly CachedModel[]> {
  return (await room()).listPulled(options)
}

/**
 * Takes a repository out of the cache, or one revision of it (`owner/repo@revision`). Rejects with `model/not-found` for what is not there,
 * `request/invalid` while a process is fetching it, `output/failed`.
 */
export async function removePulled(reference: string, options: HubCacheOptions = {}): Promise<RemoveReport> {
  return (await room()).removePulled(reference, options)
}
