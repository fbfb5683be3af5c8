// What OpenAI's image routes take, as data: every field of theirs, whether we can do it or not, and ours beside them at the top level,
// under their own names and the ones that other libraries use.
import { boolean, choice, integer, isLocal, local, picture, text, type Field, type Fields } from '../../fields/field.js'
import type { PresetName } from '../../native/info.js'
import { DESCRIPTORS } from '../../requests/index.js'
import { IMAGE_TASKS, type ImageTask } from '../../requests/names.js'
import { RUN_FIELDS } from '../../requests/run-options.js'

export const MODEL: Field = text({ summary: 'Any name; the default model serves those that are not here.', maxBytes: 256 })
const ignored = (summary: string): Field => local('any', `${summary} Ignored, with a warning.`)

export const OPENAI_IMAGE_FIELDS: Fields = {
  model: MODEL,
  size: text({ summary: "'auto', or WIDTHxHEIGHT; above the model's limits the same ratio at its default area.", maxBytes: 32 }),
  quality: choice(['auto', 'standard', 'hd', 'low', 'medium', 'high', 'xhigh'], {
    summary: "A preset: low is 'fast', medium and standard 'balanced', high and hd 'best'; auto is the model's defaults.",
    default: { value: 'auto' },
  }),
  output_format: choice(['png', 'jpeg', 'jpg', 'webp', 'gif'], {
    summary: 'The kind of file; gif, and webp with frame_count, show the decoding as a film.',
    default: { value: 'png' },
  }),
  output_compression: integer(0, 100, { summary: 'Quality of JPEG and WebP.', default: { value: 100 } }),
  response_format: choice(['b64_json', 'url'], { summary: 'Always b64_json: nothing is kept under an address.' }),
  stream: boolean({ summary: 'Server-sent events.', default: { value: false } }),
  partial_images: integer(0, 64, { summary: 'Pictures of the decoding before the finished one.', default: { value: 0 } }),
  frame_count: integer(1, 64, { summary: 'Pictures of the film.' }),
  frame_duration_ms: integer(20, 10_000, { summary: 'How long each is shown.', unit: 'milliseconds', default: { value: 100 } }),
  background: ignored('Pictures are opaque.'),
  complexity: ignored('A picture takes what its steps take.'),
  moderation: ignored('There is none.'),
  input_fidelity: ignored('Given pictures are read as they are.'),
  style: ignored('vivid or natural.'),
  svg: ignored('No vectors are drawn or read.'),
  markup: ignored(''),
  threshold: ignored('Of answers: pictures are decided by their schedule.'),
  user: ignored('Nobody is told apart by it.'),
  safety_identifier: ignored('Nobody is told apart by it.'),
}

/** OpenAI's `quality` as a preset; 'auto' is none. */
export const QUALITIES: Readonly<Record<string, PresetName>> = {
  low: 'fast',
  medium: 'balanced',
  standard: 'balanced',
  high: 'best',
  hd: 'best',
  xhigh: 'best',
}

/** Values of fields that we ignore which ask for nothing else than what is done anyway. */
export const HARMLESS: Readonly<Record<string, readonly unknown[]>> = {
  background: ['auto', 'opaque'],
  complexity: ['auto'],
  moderation: ['auto'],
  input_fidelity: ['low', 'high'],
}
export const IGNORED = Object.keys(OPENAI_IMAGE_FIELDS).filter((name) => OPENAI_IMAGE_FIELDS[name]!.kind === 'any')

/** Options of the run that may stand beside the request. */
export const BESIDE: Fields = Object.fromEntries(['priority', 'deadlineMs'].map((name) => [name, RUN_FIELDS[name]!]))

export const TASK_FIELD = choice(IMAGE_TASKS, { summary: "What to do with the pictures: 'edit', with a mask 'inpaint'." })

const ALIASES: Readonly<Record<string, string>> = { num_inference_steps: 'steps', guidance_scale: 'guidance' }
export const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Tasks that draw without a text. Clients send one nevertheless, which is ignored, with a warning. */
export const WORDLESS: readonly ImageTask[] = ['style', 'view', 'predict']

/** Where the pictures of a task go: the given ones in order, and the mask. */
export interface Places {
  readonly pictures: readonly string[]
  readonly mask?: string
}

const PLACES: Partial<Readonly<Record<ImageTask, Places>>> = {
  generate: { pictures: [] },
  inpaint: { pictures: ['image'], mask: 'mask' },
  retouch: { pictures: ['from'], mask: 'region' },
  style: { pictures: ['image', 'style'] },
}

export const placesOf = (task: ImageTask): Places => PLACES[task] ?? { pictures: ['image'] }

// Lists of over a hundred names: not for every request anew.
function onceATask<T>(make: (task: ImageTask) => T): (task: ImageTask) => T {
  const made = new Map<ImageTask, T>()
  return (task) => {
    if (!made.has(task)) made.set(task, make(task))
    return made.get(task)!
  }
}

/** The fields of a task's request that stand at the top level, by every name that they have there. */
export const namesOf = onceATask((task): ReadonlyMap<string, string> => {
  const { pictures, mask } = placesOf(task)
  const own = Object.entries({ ...DESCRIPTORS[task].fields, ...BESIDE }).filter(
    ([name, field]) => !isLocal(field) && !pictures.includes(name) && name !== mask,
  )
  const names = own.flatMap(([name]) => [[name, name] as const, [snake(name), name] as const])
  return new Map([...Object.entries(ALIASES).filter(([, name]) => own.some(([one]) => one === name)), ...names])
})

/** Everything that a body may hold, for messages and OpenAPI. */
export const bodyFields = onceATask((task): Fields => {
  const { fields } = DESCRIPTORS[task]
  const own = [...namesOf(task)].map(([name, of]) => [name, fields[of] ?? BESIDE[of]!] as const)
  const pictures: Fields =
    task === 'generate'
      ? {}
      : { image: picture({ summary: 'The given picture, or several.' }), mask: picture({ summary: 'Transparent is drawn anew.' }) }
  const wordless = WORDLESS.includes(task) && { prompt: text({ summary: 'Ignored, with a warning.' }) }
  return { ...Object.fromEntries(own), ...wordless, ...OPENAI_IMAGE_FIELDS, ...(task !== 'generate' && { task: TASK_FIELD }), ...pictures }
})
