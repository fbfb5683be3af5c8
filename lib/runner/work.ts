// How much a request is, roughly, before anything of it is read: rows of a pass and how many passes. For sharing work out, never for results.
import { isRawImage } from '../fields/values.js'
import type { ModelInfo } from '../native/info.js'
import { resolveRequest, type Resolved } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'

export interface Work {
  /** Rows of one full pass. */
  readonly rows: number
  readonly steps: number
}

/** Tokens of a template and a common prompt; a longer text has one for about so many characters. */
const WORDS = 64
const CHARACTERS_A_TOKEN = 4
/** What a request is taken for that tells nothing of its size. */
const UNKNOWN: Work = { rows: 512, steps: 32 }

/** Never throws: what is wrong with a request is said where it is run. */
export function workOf<Task extends TaskName>(task: Task, request: TaskRequests[Task], info: ModelInfo | undefined): Work {
  if (!info) return UNKNOWN
  try {
    return estimate(resolveRequest(task, request, info), info, wordsOf(request))
  } catch {
    return UNKNOWN
  }
}

function wordsOf(request: object): number {
  const { prompt = '', messages = [] } = request as {
    readonly prompt?: string
    readonly messages?: readonly { readonly content: string }[]
  }
  const length = messages.reduce((sum, { content }) => sum + content.length, prompt.length)
  return Math.max(WORDS, Math.ceil(length / CHARACTERS_A_TOKEN))
}

function estimate(resolved: Resolved, { scale }: ModelInfo, words: number): Work {
  const { steps } = resolved
  const share = resolved.reuse.kind === 'mlCache' ? 1 - resolved.reuse.ratio * (1 - resolved.reuse.warmup) : 1
  if ('length' in resolved) {
    const { length, block, guidance } = resolved
    const pictures = 'images' in resolved ? resolved.images.length * cellsOf(resolved.images[0], resolved.imageArea, scale) : 0
    const rows = (resolved.reuse.kind === 'prefix' ? block : words + pictures + length) * (guidance > 0 ? 2 : 1)
    return { rows: rows * share, steps }
  }
  const { guidance, n, bestOf = 1 } = resolved
  const branches = 1 + (guidance.text > 0 ? 1 : 0) + ('image' in guidance && guidance.image > 0 ? 1 : 0)
  const given = 'pictures' in resolved ? resolved.pictures : 'image' in resolved ? [resolved.image] : []
  const cells = 'width' in resolved ? (resolved.width * resolved.height) / scale ** 2 : cellsOf(given.at(-1), resolved.imageArea, scale)
  return { rows: (words + cells * (1 + given.length)) * branches * Math.max(n, bestOf) * share, steps }
}

function cellsOf(picture: unknown, area: number | 'native' | undefined, scale: number): number {
  const pixels = typeof area === 'number' ? area * area : isRawImage(picture) ? picture.width * picture.height : 512 * 512
  return pixels / scale ** 2
}
