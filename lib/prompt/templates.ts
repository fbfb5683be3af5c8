// The prompt strings that the model was trained with (docs/model.md#sequences). Text goes in as it is: added tokens such
// as <IMAGE> inside a prompt are tokens there too.

/** The sentence that stands first, by kind of task. */
const SYSTEM = {
  generate: 'Generate an image according to the text prompt.',
  edit: 'Generate an image applying the following editing instruction based on the original image.',
  predict: 'Perform dense prediction on the given images.',
  control: 'Generate an image according to the text prompt and the given control image.',
  subject: 'Generate an image according to the text prompt and the given object image.',
  view: 'Generate a view-image based on the given image.',
  style: 'Transform the current image into the style of the provided image.',
  // What the released scripts fall back to for an edit type that they do not know, `canny_pred` among them.
  generic: 'Generate an image according to the prompt and image.',
} as const

const ASK =
  'You are a multimodal model that can process both text and images. Answer the following question based on the provided images. ' +
  'Analyze each image and combine relevant details to answer.'

const UNCONDITION = '<uncondition>'

/** What the branches of a picture task read. */
export interface Prompts {
  readonly conditional: string
  readonly unconditional: string
}

/** Picture tasks whose user text is the caller's. */
export type TextedPrompt = 'generate' | 'edit' | 'control' | 'subject' | 'generic'

export const MAP_NAMES = {
  canny: 'canny edge map',
  hed: 'hed edge map',
  normal: 'normal map',
  sam2mask: 'sam2 mask',
  depth: 'depth map',
  openpose: 'pose estimation map',
} as const

/** A map that is read from a picture. */
export type MapKind = keyof typeof MAP_NAMES

function template(system: string, user: string): string {
  return `<system>${system}</system><user>${user}</user>`
}

function prompts(kind: keyof typeof SYSTEM, user: string): Prompts {
  return { conditional: template(SYSTEM[kind], user), unconditional: template(SYSTEM[kind], UNCONDITION) }
}

/** The caller's text under the sentence of its task. */
export function textedPrompts(kind: TextedPrompt, text: string): Prompts {
  return prompts(kind, text)
}

/** Dense prediction, as it was meant: the released scripts miss this branch for their own `*_pred` edit types. */
export function mapPrompts(map: MapKind): Prompts {
  return prompts('predict', `Generate a ${MAP_NAMES[map]} according to the image.`)
}

/** Style transfer has no text of its own: the sentence stands in both places. */
export function stylePrompts(): Prompts {
  return prompts('style', SYSTEM.style)
}

/** `view`: the word for it, e.g. "left". */
export function viewPrompts(view: string): Prompts {
  return prompts('view', `Generate the ${view} view based on the provided front view.`)
}

/** One question about pictures. */
export function askPrompt(question: string): string {
  return template(ASK, question)
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A conversation that ends with the user: earlier turns as `<user>...</user><answer>...</answer>`. */
export function chatPrompt(messages: readonly Message[]): string {
  const system = messages.find((message) => message.role === 'system')?.content ?? ASK
  const tag = { user: 'user', assistant: 'answer' } as const
  const turns = messages.flatMap(({ role, content }) => (role === 'system' ? [] : `<${tag[role]}>${content}</${tag[role]}>`))
  return `<system>${system}</system>${turns.join('')}`
}

/** The same conversation for LLaDA itself, whose files carry no tokens of ours: the template of its instruct models. */
export function lladaPrompt(messages: readonly Message[]): string {
  const turn = (role: string, content: string): string => `<|start_header_id|>${role}<|end_header_id|>\n\n${content}`
  const turns = messages.map(({ role, content }) => `${turn(role, content)}<|eot_id|>`)
  return `<|startoftext|>${turns.join('')}${turn('assistant', '')}`
}
