// Steps and results as data, as requests are: their JSON Schema, and what a client checks when they come back from elsewhere.
import { array, choice, group, integer, list, number, text, type Field, type Fields, type GroupField } from '../fields/field.js'
import { rootSchema, type JsonSchema } from '../fields/json-schema.js'
import { PARAMETERS } from '../parameters/parameters.js'
import { checkTask } from '../requests/index.js'
import { isTextTask, type TaskName } from '../requests/names.js'

const count = (summary: string): Field => integer(0, undefined, { summary })
const milliseconds = (summary: string): Field => number(0, Number.MAX_VALUE, { summary, unit: 'milliseconds' })
const required = (fields: Fields, optional: readonly string[] = []): string[] =>
  Object.keys(fields).filter((name) => !optional.includes(name))

const whole = (fields: Fields, summary: string, optional: readonly string[] = []): GroupField =>
  group(fields, { summary, required: required(fields, optional) })

const SEED = text({ summary: 'Decimal digits.', pattern: '[0-9]{1,20}' })

const RAW_IMAGE = whole(
  {
    data: array('bytes', 'height * width * channels bytes, row by row, sRGB.'),
    width: integer(1, undefined, { summary: 'Width.', unit: 'pixels' }),
    height: integer(1, undefined, { summary: 'Height.', unit: 'pixels' }),
    channels: integer(3, 4, { summary: '3: RGB, 4: RGBA.' }),
  },
  'Tightly packed 8-bit pixels.',
)

const STEP_BASE: Fields = {
  step: count('The step that was just done, from 0.'),
  steps: count('How many there are.'),
  skipped: count('Steps that the reader has not seen since its last one, as it was slow or they were forgotten.'),
  masked: count('Cells or tokens that are still masked.'),
  elapsedMs: milliseconds('Since the run started.'),
  pass: choice(['full', 'cached', 'text'], { summary: 'How this step was computed.' }),
  rows: count('Rows (positions of branches) computed for this picture or answer in this pass.'),
}

const GRID = whole(
  {
    width: integer(1, 65_536, { summary: 'Cells across.', unit: 'cells' }),
    height: integer(1, 65_536, { summary: 'Cells down.', unit: 'cells' }),
  },
  'The grid of image codes.',
)

/** A step of a picture. */
export const IMAGE_STEP = whole(
  {
    kind: choice(['image'], { summary: 'What is decoded.' }),
    image: count('Which of the pictures that are decoded together, from 0.'),
    ...STEP_BASE,
    grid: GRID,
    tokens: array('i32', 'Codes on the grid, row by row; -1: still masked.'),
    guess: array('i32', "The same with the model's present guess where a cell is masked (-1: none yet)."),
    changed: array('u32', 'Cells fixed since the step that the reader last saw.'),
    confidence: array('f32', 'How sure the model was of each of them, 0 to 1.'),
    preview: {
      kind: 'either',
      of: [RAW_IMAGE, array('bytes', 'The bytes of a file.')],
      summary: 'The picture of this step, where previews were asked for.',
    },
  },
  'The state of one picture after a step.',
  ['preview'],
)

/** A step of an answer. */
export const TEXT_STEP = whole(
  {
    kind: choice(['text'], { summary: 'What is decoded.' }),
    ...STEP_BASE,
    block: count('The block of this step, from 0.'),
    blocks: count('How many there are.'),
    text: text({ summary: 'The whole text so far; a masked token is one U+2591.', maxBytes: 1 << 24 }),
    settled: text({ summary: 'The beginning of the text that is final.', maxBytes: 1 << 24 }),
    delta: text({ summary: 'What `settled` has grown by.', maxBytes: 1 << 24 }),
  },
  'The state of an answer after a step.',
)

const RESULT_BASE: Fields = {
  seed: { ...SEED, summary: 'Of the first picture, or of the answer: decimal digits.' },
  timings: whole(
    {
      queuedMs: milliseconds('Waiting for a slot.'),
      prefillMs: milliseconds('Reading pictures and tokenising.'),
      decodeMs: milliseconds('Decoding steps.'),
      vqMs: milliseconds('The image tokenizer.'),
      totalMs: milliseconds('All of it.'),
    },
    'Where the time went.',
  ),
  usage: whole(
    {
      inputTokens: count('Tokens before the target in the conditional branch.'),
      outputTokens: count('Image tokens that were masked at the start, or tokens of the answer.'),
      steps: count('Decoding steps.'),
      forwardPasses: count('Passes of the network.'),
      forwardTokens: count('Rows that entered the first layer, summed over passes and branches.'),
    },
    'The bill.',
  ),
  warnings: list(text({ summary: 'One sentence.', maxBytes: 4096 }), {
    max: 64,
    summary: 'What the caller should know beside the result; mostly none.',
  }),
}

const GENERATED = whole(
  {
    seed: { ...SEED, summary: "This picture's own seed: decimal digits." },
    image: { ...RAW_IMAGE, summary: 'The pixels.' },
    tokens: array('i32', 'Codes on the grid, row by row.'),
    score: number(0, 1, { summary: 'With `bestOf`: how sure the model is that the picture shows the prompt.' }),
    parameters: { ...PARAMETERS, summary: 'What was asked, every default filled in.' },
  },
  'One picture.',
  ['score'],
)

/** The result of a picture task. */
export const IMAGE_RESULT = whole(
  {
    ...RESULT_BASE,
    images: list(GENERATED, { min: 1, max: 64, summary: 'The pictures, with `bestOf` the best first.' }),
    remasked: list(
      whole(
        {
          image: count('Which of the pictures that were decoded together.'),
          step: count('Before which of its steps.'),
          cells: count('How many cells.'),
        },
        'One remasking.',
      ),
      { max: 65_536, summary: 'Cells that were masked again in mid-run.' },
    ),
  },
  'Pictures, with seeds, parameters and the bill.',
)

/** The result of a text task. */
export const TEXT_RESULT = whole(
  {
    ...RESULT_BASE,
    text: text({ summary: 'The answer.', maxBytes: 1 << 24 }),
    finishReason: choice(['stop', 'length'], {
      summary: "'stop': the model ended the text; 'length': every token that was reserved is used.",
    }),
  },
  'A text, with its seed and the bill.',
)

export const resultOf = (task: TaskName): GroupField => (isTextTask(task) ? TEXT_RESULT : IMAGE_RESULT)
export const stepOf = (task: TaskName): GroupField => (isTextTask(task) ? TEXT_STEP : IMAGE_STEP)

/**
 * The JSON Schema (2020-12) of a task's result where it travels as JSON. Throws `request/invalid` for what is no task.
 *
 * @example
 * resultSchema('ask').properties
 */
export function resultSchema(task: TaskName): JsonSchema {
  checkTask(task)
  const found = resultOf(task)
  return rootSchema(isTextTask(task) ? 'TextResult' : 'ImageResult', found.summary, found)
}
