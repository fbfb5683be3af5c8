// A run as a file, and back: here or on another machine with the same model.
import { download, fileName } from '../parts/download.js'
import type { LiveRun } from '../runs/live-run.js'
import { chosen, goOn } from '../runs/runs.js'

export const SNAPSHOT_ENDING = 'dimoo-run'

export async function saveSnapshot(run: LiveRun): Promise<void> {
  const bytes = await run.snapshot()
  download(new Blob([bytes as Uint8Array<ArrayBuffer>]), fileName(run.prompt, SNAPSHOT_ENDING))
}

export async function openSnapshot(file: Blob): Promise<LiveRun> {
  const run = goOn(new Uint8Array(await file.arrayBuffer()))
  chosen.value = run.id
  return run
}
