// Whether a checkpoint's tokenizer is one that our templates can speak: its roles, and, of the released one, the ids that are known.
import { DimooError } from '../base/errors.js'
import { KNOWN_IDS, KNOWN_TEXT, RELEASED_ROLES } from './released.js'
import type { Note } from './findings.js'

/** What every template is made of. */
const TAGS = ['<system>', '</system>', '<user>', '</user>', '<answer>', '</answer>', '<IMAGE>', '</IMAGE>', '<uncondition>']

interface Added {
  readonly id?: unknown
  readonly content?: unknown
}

/** Of tokenizer.json's text: what is wrong without a model beside it. */
export function lookAtTokens(json: string, isReleased: boolean, note: Note): void {
  let added: readonly Added[]
  try {
    added = (JSON.parse(json) as { added_tokens?: readonly Added[] }).added_tokens ?? []
  } catch (error) {
    note('fault', 'tokenizer', `tokenizer.json is no JSON: ${(error as Error).message}`)
    return
  }
  const byText = new Map<string, number>()
  const byId = new Map<number, string>()
  for (const { id, content } of added) {
    if (typeof id !== 'number' || typeof content !== 'string') continue
    const other = byId.get(id)
    if (other !== undefined && other !== content) note('fault', 'tokenizer', `the tokens ${other} and ${content} have the same id, ${id}`)
    byId.set(id, content)
    byText.set(content, id)
  }
  const isText = !byText.has('<IMAGE>') && !byText.has('<answer>')
  if (!isText)
    for (const tag of TAGS) if (!byText.has(tag)) note('fault', 'tokenizer', `the token ${tag} is missing, which templates are made of`)
  if (!isReleased) return
  for (const [role, id] of Object.entries(RELEASED_ROLES)) {
    const found = byText.get(role)
    if (found !== id) note('fault', 'tokenizer', `${role}: expected the released id ${id}, got ${found ?? 'none'}`)
  }
}

/** Each tag must be one token; the released tokenizer must give the ids that are known. */
export async function encodeKnown(encode: (text: string) => Promise<Int32Array>, isReleased: boolean, note: Note): Promise<void> {
  try {
    for (const tag of TAGS) {
      const ids = await encode(tag)
      if (ids.length !== 1) note('fault', 'tokenizer', `${tag}: expected one token, got ${ids.length}`)
    }
    if (!isReleased) return
    const ids = [...(await encode(KNOWN_TEXT))]
    if (ids.join() !== KNOWN_IDS.join()) {
      note('fault', 'tokenizer', `the unconditional prompt: expected the ids ${KNOWN_IDS.join(' ')}, got ${ids.join(' ')}`)
    }
  } catch (error) {
    if (!DimooError.is(error)) throw error
    note('fault', 'tokenizer', error.message)
  }
}
