// The README's sheet: the first held-out case of every kind, none chosen, as the shipped file answers it with its own defaults.
import { writeFileSync } from 'node:fs'
import { measure } from './measure.js'
import type { Judged } from './measure.js'
import { open } from './open.js'
import { drawSheet } from './sheet.js'
import type { SheetRow } from './sheet.js'

/** Kinds side by side; those that a world does not have are left out. */
const rows: readonly (readonly [string, readonly string[]])[] = [
  ['generate', ['single', 'colors', 'background', 'two', 'counting', 'position', 'binding', 'word'].map((kind) => `generate ${kind}`)],
  ['edit', ['background', 'color', 'add', 'remove'].map((kind) => `edit ${kind}`)],
  ['inpaint: retouch: outpaint', ['inpaint one', 'retouch one', 'outpaint one']],
  ['predict: control', ['predict canny', 'predict depth', 'control canny', 'control depth']],
  ['subject: view: style', ['subject background', 'view side', 'view left', 'style background', 'style palette']],
  ['ask', ['background', 'color', 'count', 'shape', 'exists', 'relation', 'mixed', 'describe'].map((kind) => `ask ${kind}`)],
]

export async function sampleSheet(file: string): Promise<void> {
  const { model, files, close } = await open({ device: 'cpu', precision: 'fast' })
  const sheet: SheetRow[] = []
  for (const [title, names] of rows) {
    const tiles: Judged[] = []
    for (const name of names) {
      const found = files.find(({ task, kind }) => `${task} ${kind}` === name)
      if (found) tiles.push(...(await measure(model, found, {}, 1, 100)).judged)
    }
    sheet.push({ title, tiles })
  }
  await close()
  writeFileSync(file, await drawSheet(sheet))
}
