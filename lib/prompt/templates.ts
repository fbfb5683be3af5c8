// The prompt strings that the model was trained with (golden README section 5). Text goes in as it is: added tokens such as
// <IMAGE> inside a prompt are tokens there too.

const SYSTEM = 'Generate an image according to the text prompt.'
const UNCONDITION = '<uncondition>'

function template(text: string): string {
  return `<system>${SYSTEM}</system><user>${text}</user>`
}

/** What the conditional branch reads. */
export function textToImagePrompt(prompt: string): string {
  return template(prompt)
}

/** What the unconditional branch reads. */
export function unconditionalPrompt(): string {
  return template(UNCONDITION)
}
