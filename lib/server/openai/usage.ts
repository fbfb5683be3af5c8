// The bill as OpenAI's clients read it. Codes of pictures count as image tokens, a row's end among them.
import type { TaskName } from '../../requests/names.js'
import type { ImageResult, TextResult } from '../../run/results.js'

/** Tasks whose given pictures stand in the prompt, and how many. */
const IN_PROMPT: Partial<Readonly<Record<TaskName, number>>> = { edit: 1, control: 1, predict: 1, subject: 1, view: 1, style: 2 }

export function imageUsage(result: ImageResult, task: TaskName): object {
  return usageOfPictures(countsOf(result, task))
}

/** The share of one picture of the result: of all of them it is the whole. */
export function shareOfUsage(result: ImageResult, task: TaskName, index: number): object {
  const of = result.images.length
  const share = (whole: number): number => Math.floor(whole / of) + (index < whole % of ? 1 : 0)
  const { texts, pictures, drawn } = countsOf(result, task)
  return usageOfPictures({ texts: share(texts), pictures: share(pictures), drawn: share(drawn) })
}

interface Counts {
  readonly texts: number
  readonly pictures: number
  readonly drawn: number
}

function countsOf(result: ImageResult, task: TaskName): Counts {
  const { inputTokens, outputTokens } = result.usage
  const pictures = Math.min(inputTokens, (IN_PROMPT[task] ?? 0) * pictureTokens(result))
  return { texts: inputTokens - pictures, pictures, drawn: outputTokens }
}

const usageOfPictures = ({ texts, pictures, drawn }: Counts): object => ({
  input_tokens: texts + pictures,
  output_tokens: drawn,
  total_tokens: texts + pictures + drawn,
  input_tokens_details: { text_tokens: texts, image_tokens: pictures },
  output_tokens_details: { text_tokens: 0, image_tokens: drawn },
})

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
