// A response of `/v1/responses` as it comes into being: the object, and the events that tell of each change to it, numbered.
import { randomUUID } from 'node:crypto'
import { warned } from '../warnings.js'
import { seconds } from './asked.js'

export interface Event {
  readonly type: string
  readonly [name: string]: unknown
}

/** The finished one. */
export interface Made {
  readonly warnings?: readonly string[]
}

export type Emit = (event: Event) => Promise<void>

type Item = Readonly<Record<string, unknown>>

export class ResponseWriter {
  readonly #emit: Emit
  readonly #head: Readonly<Record<string, unknown>>
  readonly #output: Item[] = []
  #added = 0
  #count = 0

  constructor(body: Readonly<Record<string, unknown>>, model: string, emit: Emit) {
    this.#emit = emit
    const given = (name: string, otherwise: unknown): unknown => body[name] ?? otherwise
    this.#head = {
      id: `resp_${randomUUID().replaceAll('-', '')}`,
      object: 'response',
      created_at: seconds(),
      background: false,
      error: null,
      instructions: given('instructions', null),
      max_output_tokens: given('max_output_tokens', null),
      metadata: given('metadata', {}),
      model: given('model', model),
      parallel_tool_calls: false,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: given('temperature', null),
      text: { format: { type: 'text' } },
      tool_choice: given('tool_choice', 'auto'),
      tools: given('tools', []),
      top_p: null,
      truncation: 'disabled',
      user: null,
    }
  }

  async emit(type: string, fields: object): Promise<void> {
    await this.#emit({ type, sequence_number: this.#count++, ...fields })
  }

  async begin(): Promise<void> {
    for (const type of ['response.created', 'response.in_progress'])
      await this.emit(type, { response: this.#response('in_progress', null, null) })
  }

  /** Items may be under way together. */
  async add(item: Item): Promise<void> {
    await this.emit('response.output_item.added', { output_index: this.#added++, item })
  }

  /** The item as it is in the end, in the order of those that were added. */
  async done(item: Item): Promise<void> {
    const index = this.#output.length
    this.#output.push(item)
    await this.emit('response.output_item.done', { output_index: index, item })
  }

  async end(usage: object, isWhole: boolean, warnings: readonly string[]): Promise<Made> {
    const [status, details] = isWhole ? ['completed', null] : ['incomplete', { reason: 'max_output_tokens' }]
    const response = { ...this.#response(status, details, usage), ...warned(warnings) }
    await this.emit(`response.${status}`, { response })
    return response
  }

  #response(status: string, details: object | null, usage: object | null): object {
    return { ...this.#head, status, incomplete_details: details, output: [...this.#output], usage }
  }
}
