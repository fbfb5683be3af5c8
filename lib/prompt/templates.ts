// The prompt strings that the model was trained with (docs/model.md#sequences). The caller's text goes in as a stretch of its own, in which
// added tokens such as <IMAGE> are text, unless it was given as `words`.
import { join, prompt, words, type PromptText } from './prompt-text.js'

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

/** What the branches of a picture task read. */
export interface Prompts {
  readonly conditional: PromptText
  readonly unconditional: PromptText
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

function template(system: PromptText, user: PromptText): PromptText {
  return prompt`<system>${system}</system><user>${user}</user>`
}

function prompts(kind: keyof typeof SYSTEM, user: PromptText): Prompts {
  const system = words(SYSTEM[kind])
  return { conditional: template(system, user), unconditional: template(system, words('<uncondition>')) }
}

/** The caller's text under the sentence of its task. */
export function textedPrompts(kind: TextedPrompt, text: PromptText): Prompts {
  return prompts(kind, text)
}

/** Dense prediction, as it was meant: the released scripts miss this branch for their own `*_pred` edit types. */
export function mapPrompts(map: MapKind): Prompts {
  return prompts('predict', words(`Generate a ${MAP_NAMES[map]} according to the image.`))
}

/** Style transfer has no text of its own: the sentence stands in both places. */
export function stylePrompts(): Prompts {
  return prompts('style', words(SYSTEM.style))
}

/** `view`: the word for it, e.g. "left". */
export function viewPrompts(view: PromptText): Prompts {
  return prompts('view', prompt`Generate the ${view} view based on the provided front view.`)
}

/** One question about pictures. */
export function askPrompt(question: PromptText): PromptText {
  return template(words(ASK), question)
}

/** One turn of a conversation. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: PromptText
}

/** A conversation that ends with the user: earlier turns as `<user>...</user><answer>...</answer>`. */
export function chatPrompt(turns: readonly Turn[]): PromptText {
  const system = turns.find(({ role }) => role === 'system')?.content ?? words(ASK)
  const said = turns.flatMap(({ role, content }) => {
    if (role === 'system') return []
    return role === 'user' ? prompt`<user>${content}</user>` : prompt`<answer>${content}</answer>`
  })
  return join([prompt`<system>${system}</system>`, ...said])
}

/** The same conversation for LLaDA itself, whose files carry no tokens of ours: the template of its instruct models. */
export function lladaPrompt(turns: readonly Turn[]): PromptText {
  const turn = ({ role, content }: Turn): PromptText => prompt`<|start_header_id|>${words(role)}<|end_header_id|>\n\n${content}`
  const said = turns.map((one) => prompt`${turn(one)}<|eot_id|>`)
  return join([words('<|startoftext|>'), ...said, turn({ role: 'assistant', content: words('') })])
}
