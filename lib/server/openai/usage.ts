// The bill as OpenAI's clients read it. Codes of pictures count as image tokens, a row's end among them.
import type { TaskName } from '../../requests/names.js'
import type { ImageResult, TextResult } from '../../run/results.js'

/** Tasks whose given pictures stand in the prompt, and how many. */
const IN_PROMPT: Partial<Readonly<Record<TaskName, number>>> = { edit: 1, control: 1, predict: 1, subject: 1, view: 1, style: 2 }

export function imageUsage(result: ImageResult, task: TaskName): object {
  const { inputTokens, outputTokens } = result.usage
  const given = Math.min(inputTokens, (IN_PROMPT[task] ?? 0) * pictureTokens(result))
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    input_tokens_details: { text_tokens: inputTokens - given, image_tokens: given },
    output_tokens_details: { text_tokens: 0, image_tokens: outputTokens },
  }
}

// A picture of the result's size: its codes, a row's end each row, and the two markers.
function pictureTokens({ tokens, image }: ImageResult): number {
  const rows = Math.round(Math.sqrt((tokens.length * image.height) / image.width))
  return tokens.length + rows + 2
}

export function textUsage({ usage: { inputTokens, outputTokens } }: TextResult): {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
} {
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens }
}
