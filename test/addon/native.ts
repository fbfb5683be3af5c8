// Helpers for tests that talk to the addon itself (lib/native/binding.ts).
import path from 'node:path'
import { binding } from '../../lib/native/binding.js'
import type { NativeImageRequest, NativeModel, NativeOutcome, NativeStep } from '../../lib/native/binding.js'

export const golden = path.resolve(import.meta.dirname, '../golden')

export async function load(source: string, options: object = {}): Promise<NativeModel> {
  const all = { source, device: 'cpu', precision: 'f32', threads: 2, verify: 'sizes', ...options }
  return binding().load(JSON.stringify(all)).promise
}

export interface Decoded {
  readonly outcome: NativeOutcome
  readonly steps: readonly NativeStep[]
}

/** Runs a request to its end and keeps every step. */
export function decode(model: NativeModel, request: NativeImageRequest): Promise<Decoded> {
  return new Promise((resolve) => {
    const steps: NativeStep[] = []
    const look = (): void => {
      for (;;) {
        const step = run.next()
        if (!step) break
        steps.push(step)
      }
      const outcome = run.outcome()
      if (outcome) resolve({ outcome, steps })
    }
    const run = model.run(request, () => {
      look()
    })
    look()
  })
}
