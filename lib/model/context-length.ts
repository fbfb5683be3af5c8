// The context that a checkpoint states is what it was trained on, not a limit: a longer run goes on, and says so.
import type { NativeRequest } from '../native/binding.js'
import type { ModelInfo } from '../native/info.js'

/** Positions of a request's longest branch: what stands around the target, and the target with its row ends. */
export function positionsOf(request: NativeRequest): number {
  const target = request.kind === 'image' ? request.rows * (request.columns + 1) : request.length
  return Math.max(...request.prefixes.map((prefix, i) => prefix.length + (request.suffixes[i]?.length ?? 0))) + target
}

/** One sentence, or none. */
export function contextWarnings(request: NativeRequest, { hyper: { contextLength } }: ModelInfo): string[] {
  const positions = positionsOf(request)
  if (!(contextLength > 0 && positions > contextLength)) return []
  return [
    `${positions} positions are more than the ${contextLength} that the checkpoint was made for; what is so far apart may not fit together`,
  ]
}
