// A run as a file, and back: here or on another machine with the same model.
import { DimooError } from 'lumina-dimoo/client'
import { shown } from '../schema/schema.js'
import { download, fileName } from '../parts/download.js'
import type { LiveRun } from '../runs/live-run.js'
import { turns } from '../form/ask-draft.js'
import { go } from '../parts/place.js'
import { chosen, goOn, isText } from '../runs/runs.js'

export const SNAPSHOT_ENDING = 'dimoo-run'

export async function saveSnapshot(run: LiveRun): Promise<void> {
  const bytes = await run.snapshot()
  download(new Blob([bytes as Uint8Array<ArrayBuffer>]), fileName(run.prompt, SNAPSHOT_ENDING))
}

/** Throws in words for what is no snapshot; one of another model is told by its run. */
export async function openSnapshot(file: File): Promise<LiveRun> {
  const run = begun(new Uint8Array(await file.arrayBuffer()), file.name)
  if (isText(run.asked.task)) {
    turns.value = [...turns.value, { question: '(a run that was saved)', pictures: [], run }]
    go('ask')
  } else {
    chosen.value = run.id
    go('create')
  }
  return run
}

function begun(bytes: Uint8Array, name: string): LiveRun {
  try {
    return goOn(bytes)
  } catch (error) {
    if (!DimooError.is(error, 'request/invalid')) throw error
    throw new Error(`${shown(name)} is no run that was saved. Choose a file that “Save the run” made, here or elsewhere.`, { cause: error })
  }
}
