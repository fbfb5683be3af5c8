// Prompts and sequences of every task against what the original recorded: prompts.json, i2i_tokens_*.json, mmu_*.json.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  answerBranches,
  doubledImageTokens,
  imageBranches,
  imageTokens,
  textBranches,
  type CodedImage,
  type PromptIds,
} from '../../lib/prompt/layout.js'
import {
  chatPrompt,
  mapPrompts,
  stylePrompts,
  textedPrompts,
  askPrompt,
  viewPrompts,
  type MapKind,
  type Prompts,
} from '../../lib/prompt/templates.js'
import { words } from '../../lib/prompt/prompt-text.js'
import { Tokenizer } from '../../lib/prompt/tokenizer.js'

const golden = (name: string): unknown => JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8'))
const tokenizer = new Tokenizer(readFileSync(new URL('../golden/tokenizer/tokenizer.json', import.meta.url), 'utf8'))
const vocabulary = {
  tokens: {
    mask: 583,
    rowEnd: 580,
    padding: 586,
    endOfText: 577,
    imageBegin: 596,
    imageEnd: 597,
    uncondition: 598,
    answerBegin: 601,
    answerEnd: 602,
  },
  codeOffset: 603,
}
const { tokens } = vocabulary

/** The original's edit types in our words. */
function promptsOf(editType: string, text: string): Prompts {
  if (editType.includes('dense')) return mapPrompts(editType.split('_')[0] as MapKind)
  if (editType.includes('control')) return textedPrompts('control', words(text))
  if (editType.includes('subject')) return textedPrompts('subject', words(text))
  if (editType.includes('edit')) return textedPrompts('edit', words(text))
  if (editType.includes('ref_transfer')) return stylePrompts()
  if (editType.includes('multi_view')) return viewPrompts(words(editType.split('_').at(-1)!))
  return textedPrompts('generic', words(text))
}

const encode = ({ conditional, unconditional }: Prompts): PromptIds => ({
  conditional: tokenizer.encode(conditional),
  unconditional: tokenizer.encode(unconditional),
})

/** A recorded list of a picture's tokens, taken apart again. */
function coded(ids: readonly number[]): CodedImage {
  const width = ids.indexOf(tokens.rowEnd) - 1
  const codes = ids.filter((id) => id >= vocabulary.codeOffset).map((id) => id - vocabulary.codeOffset)
  return { width, height: codes.length / width, codes: Int32Array.from(codes) }
}

test('picture prompts are the recorded strings', () => {
  const { i2i } = golden('prompts.json') as { i2i: { edit_type: string; prompt: string; input_prompt: string; uncon_prompt: string }[] }
  const asked = i2i.filter((one) => one.edit_type !== 'dense') // no name of a map: "dense map", which is no map of ours
  expect(asked).toHaveLength(25)
  for (const one of asked) {
    expect(promptsOf(one.edit_type, one.prompt)).toEqual({ conditional: words(one.input_prompt), unconditional: words(one.uncon_prompt) })
  }
})

test('questions are the recorded strings and ids', () => {
  const { mmu } = golden('prompts.json') as { mmu: { question: string; input_prompt: string; ids: number[] }[] }
  for (const one of mmu) {
    expect(askPrompt(words(one.question))).toEqual(words(one.input_prompt))
    expect([...tokenizer.encode(words(one.input_prompt))]).toEqual(one.ids)
  }
})

interface Recorded {
  edit_type: string
  prompt_text: string
  con_input: (number | string)[]
  uncon_text: (number | string)[]
  uncon_image: number[]
  code_start: number
  newline_every: number
}

describe.each(['i2i_tokens_small.json', 'i2i_tokens_512.json'])('%s', (file) => {
  const { image_tokens_a, image_tokens_b, edit_types } = golden(file) as {
    image_tokens_a: number[]
    image_tokens_b: number[]
    edit_types: Recorded[]
  }
  const pictures = [coded(image_tokens_a), coded(image_tokens_b)]

  test('a picture between its markers, each row with its end', () => {
    expect([...imageTokens(pictures[0]!, vocabulary)]).toEqual(image_tokens_a)
    expect([...imageTokens(pictures[1]!, vocabulary)]).toEqual(image_tokens_b)
  })

  test.each(edit_types.filter((one) => one.edit_type !== 'dense').map((one) => [one.edit_type, one] as const))('%s', (_, one) => {
    const expand = (list: (number | string)[]): number[] =>
      list.flatMap((id) => (id === '@A' ? image_tokens_a : id === '@B' ? image_tokens_b : (id as number)))
    const used = one.edit_type === 'image_ref_transfer' ? pictures : pictures.slice(0, 1)
    const images = used.map((picture) => imageTokens(picture, vocabulary))
    const ids = encode(promptsOf(one.edit_type, one.prompt_text))
    const branches = imageBranches(ids, images, { text: 2.5, image: 0 }, vocabulary)
    const opened = [one.con_input, one.uncon_text, one.uncon_image].map((list) => [...expand(list), 601, 596])
    expect(branches.prefixes.map((prefix) => [...prefix])).toEqual(opened)
    expect(branches.suffixes.map((suffix) => [...suffix])).toEqual([0, 1, 2].map(() => [597, 602]))
    expect(branches.guidance).toEqual([2.5, 0])
    expect([branches.prefixes[0]!.length, branches.promptTokens]).toEqual([one.code_start, one.code_start - 2])
    expect(used.at(-1)!.width).toBe(one.newline_every) // the output's grid follows the last picture
    const plain = imageBranches(ids, images, { text: 0, image: 0 }, vocabulary)
    expect(plain.prefixes.map((prefix) => [...prefix])).toEqual(opened.slice(0, 1))
    expect(plain.guidance).toEqual([])
  })
})

test('text alone: a second branch only with guidance', () => {
  const ids = encode(textedPrompts('generate', words('x')))
  expect(textBranches(ids, 4, vocabulary)).toMatchObject({ guidance: [4], promptTokens: ids.conditional.length })
  expect([...textBranches(ids, 4, vocabulary).prefixes[1]!]).toEqual([...ids.unconditional, 601, 596])
  expect(textBranches(ids, 0, vocabulary)).toMatchObject({ guidance: [], prefixes: [{}], suffixes: [Int32Array.of(597, 602)] })
})

interface Mmu {
  input_prompt: string
  question: string
  prompt_ids: number[]
  code_start: number
  params: { gen_length: number; cfg_scale: number }
}

describe('answers', () => {
  const sequence = ({ prefixes, suffixes }: ReturnType<typeof answerBranches>, length: number): number[] => [
    ...prefixes[0]!,
    ...Array<number>(length).fill(583),
    ...suffixes[0]!,
  ]

  test.each([
    ['mmu_clean_cfg', imageTokens],
    ['mmu_early_stop', imageTokens],
    ['mmu_script_cfg_1block', doubledImageTokens],
    ['mmu_text_only', imageTokens],
  ])('%s starts from the recorded sequence', (name, lay) => {
    const trace = golden(`${name}.json`) as Mmu
    const clean = golden('mmu_clean_cfg.json') as Mmu
    const from = clean.prompt_ids.indexOf(tokens.imageBegin)
    const picture = coded(clean.prompt_ids.slice(from, clean.prompt_ids.indexOf(tokens.imageEnd) + 1))
    const images = name === 'mmu_text_only' ? [] : [lay(picture, vocabulary)]
    if (images.length > 0) expect(askPrompt(words(trace.question))).toEqual(words(trace.input_prompt))
    const branches = answerBranches(tokenizer.encode(words(trace.input_prompt)), images, trace.params.cfg_scale, vocabulary)
    expect(sequence(branches, trace.params.gen_length)).toEqual(trace.prompt_ids)
    expect(branches.prefixes[0]!).toHaveLength(trace.code_start)
    if (trace.params.cfg_scale > 0) {
      expect(branches.guidance).toEqual([trace.params.cfg_scale])
      expect(branches.prefixes[1]).toEqual(new Int32Array(trace.code_start).fill(583))
      expect([...branches.suffixes[1]!]).toEqual([583])
    } else {
      expect(branches.prefixes).toHaveLength(1)
    }
  })

  test('clean and doubled rows at the real size', () => {
    const { prompt_ids_clean, prompt_ids_script } = golden('mmu_tokens_1024.json') as Record<string, number[]>
    const from = prompt_ids_clean!.indexOf(tokens.imageBegin)
    const end = prompt_ids_clean!.indexOf(tokens.imageEnd) + 1
    const picture = coded(prompt_ids_clean!.slice(from, end))
    expect([...imageTokens(picture, vocabulary)]).toEqual(prompt_ids_clean!.slice(from, end))
    const doubled = doubledImageTokens(picture, vocabulary)
    expect([...doubled]).toEqual(prompt_ids_script!.slice(from, from + doubled.length))
  })

  test('a conversation, its earlier turns and its system message', () => {
    expect(
      chatPrompt([
        { role: 'system', content: words('Be brief.') },
        { role: 'user', content: words('Hello') },
        { role: 'assistant', content: words('Hi.') },
        { role: 'user', content: words('How?') },
      ]),
    ).toEqual(words('<system>Be brief.</system><user>Hello</user><answer>Hi.</answer><user>How?</user>'))
    expect(chatPrompt([{ role: 'user', content: words('Why?') }])).toEqual(askPrompt(words('Why?')))
  })
})
