// The token sequences around the target, one prefix and one suffix per branch (docs/model.md#sequences). The target, with
// its row ends, is laid out by the core. Pictures stand before the last token of the prompt, which is </user>.
import type { TokenRoles } from '../native/info.js'

/** What a layout needs of a model. */
export interface Vocabulary {
  readonly tokens: TokenRoles
  /** Id of code 0. */
  readonly codeOffset: number
}

/** A picture as codes on its grid of width x height cells, row by row. */
export interface CodedImage {
  readonly width: number
  readonly height: number
  readonly codes: Int32Array
}

export interface Branches {
  /** What stands before the target, one per branch, the conditional one first. */
  readonly prefixes: readonly Int32Array[]
  readonly suffixes: readonly Int32Array[]
  /** One weight per branch after the first. */
  readonly guidance: readonly number[]
  /** Tokens of the conditional prefix without the markers that open the target. */
  readonly promptTokens: number
}

/** Ids of the two prompts of a picture task. */
export interface PromptIds {
  readonly conditional: Int32Array
  readonly unconditional: Int32Array
}

/** `<IMAGE>`, lines of codes that each end with a row end, `</IMAGE>`. */
export function imageTokens({ width, height, codes }: CodedImage, { tokens, codeOffset }: Vocabulary): Int32Array {
  const ids = new Int32Array(height * (width + 1) + 2).fill(tokens.rowEnd)
  for (let line = 0; line < height; line++) {
    const own = codes.subarray(line * width, (line + 1) * width)
    ids.set(
      own.map((code) => code + codeOffset),
      1 + line * (width + 1),
    )
  }
  ids[0] = tokens.imageBegin
  ids[ids.length - 1] = tokens.imageEnd
  return ids
}

/**
 * The same picture as the released understanding script inserts it: the finished list is split into lines once more, so that row ends
 * are doubled and shifted and everything after the first width * height entries is lost (docs/model.md#where-the-original-differs).
 */
export function doubledImageTokens(image: CodedImage, vocabulary: Vocabulary): Int32Array {
  const { width, height } = image
  const clean = imageTokens(image, vocabulary)
  const ids = new Int32Array(height * (width + 1)).fill(vocabulary.tokens.rowEnd)
  for (let line = 0; line < height; line++) ids.set(clean.subarray(line * width, (line + 1) * width), line * (width + 1))
  return ids
}

/** The prompt with pictures before its last token. */
export function insertImages(prompt: Int32Array, images: readonly Int32Array[]): Int32Array {
  return concat(prompt.subarray(0, -1), ...images, prompt.subarray(-1))
}

/** Pictures from a text (also where parts of the picture are given): one unconditional branch, if guidance is over 0. */
export function textBranches({ conditional, unconditional }: PromptIds, guidance: number, { tokens }: Vocabulary): Branches {
  return pictureBranches(guidance > 0 ? [conditional, unconditional] : [conditional], guidance > 0 ? [guidance] : [], tokens)
}

/**
 * Pictures from a text and pictures. With guidance three branches: everything; `<uncondition>` for the text, pictures kept; the
 * text, pictures left out. All three where one of the weights is over 0, as in the original.
 */
export function imageBranches(
  prompts: PromptIds,
  images: readonly Int32Array[],
  guidance: { readonly text: number; readonly image: number },
  { tokens }: Vocabulary,
): Branches {
  const conditional = insertImages(prompts.conditional, images)
  if (!(guidance.text > 0 || guidance.image > 0)) return pictureBranches([conditional], [], tokens)
  const all = [conditional, insertImages(prompts.unconditional, images), prompts.conditional]
  return pictureBranches(all, [guidance.text, guidance.image], tokens)
}

function pictureBranches(prompts: readonly Int32Array[], guidance: readonly number[], tokens: TokenRoles): Branches {
  return {
    prefixes: prompts.map((ids) => concat(ids, [tokens.answerBegin, tokens.imageBegin])),
    suffixes: prompts.map(() => Int32Array.of(tokens.imageEnd, tokens.answerEnd)),
    guidance,
    promptTokens: prompts[0]!.length,
  }
}

/**
 * An answer. With guidance the second branch is as long, all of it MASK: prompt, pictures and both answer markers. A model without answer
 * markers (LLaDA) has the prompt alone before its answer, and nothing after it.
 */
export function answerBranches(prompt: Int32Array, images: readonly Int32Array[], guidance: number, { tokens }: Vocabulary): Branches {
  const asked = images.length > 0 ? insertImages(prompt, images) : prompt
  const marker = (id: number): number[] => (id < 0 ? [] : [id])
  const prefix = concat(asked, marker(tokens.answerBegin))
  const suffix = Int32Array.from(marker(tokens.answerEnd))
  const masked = (ids: Int32Array): Int32Array => new Int32Array(ids.length).fill(tokens.mask)
  const guided = guidance > 0
  return {
    prefixes: guided ? [prefix, masked(prefix)] : [prefix],
    suffixes: guided ? [suffix, masked(suffix)] : [suffix],
    guidance: guided ? [guidance] : [],
    promptTokens: asked.length,
  }
}

function concat(...parts: readonly ArrayLike<number>[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
