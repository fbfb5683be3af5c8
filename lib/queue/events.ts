// What happened to a run, as its stream in Redis tells it, and events that become one for a reader who is slow.
import type { FarStep } from '../remote/far.js'
import { messageOf, stepMessage } from '../remote/frames.js'
import { merged } from '../remote/trail.js'
import type { RunKeys } from './keys.js'
import type { Redis } from './redis.js'

export interface Event {
  readonly id: number
  readonly kind: string
  readonly message: Uint8Array
}

/** What follows the event of a number. */
export async function eventsAfter(redis: Redis, keys: RunKeys, after: number, count: number): Promise<Event[]> {
  const found = await redis.xrangeBuffer(keys.events, `(${after}-0`, '+', 'COUNT', count)
  return found.map(([id, fields]) => ({
    id: Number(id.toString().split('-')[0]),
    kind: fields[1]!.toString(),
    message: new Uint8Array(fields[3]!),
  }))
}

/** Not told by anybody: from here on steps may come again, or some may be missing. */
export const seam = (id: number): Event => ({ id, kind: 'seam', message: new Uint8Array(0) })

/** Steps of the same picture as one; between them nothing is lost that a reader counts. */
export function collapsed(events: readonly Event[]): Event[] {
  const steps = new Map<number, { readonly event: Event; readonly step: FarStep }>()
  const before: Event[] = []
  for (const event of events) {
    if (event.kind === 'anew') steps.clear()
    if (event.kind !== 'step') {
      before.push(event)
      continue
    }
    const told = messageOf(event.message)
    if (told.kind !== 'step') continue
    const image = told.step.kind === 'image' ? told.step.image : 0
    const known = steps.get(image)
    steps.delete(image)
    steps.set(image, { event, step: known ? merged(known.step, told.step) : told.step })
  }
  return [...before, ...[...steps.values()].map(({ event, step }) => ({ ...event, message: stepMessageOf(event, step) }))]
}

function stepMessageOf(event: Event, step: FarStep): Uint8Array {
  const told = messageOf(event.message)
  return told.kind === 'step' ? stepMessage(told.task, step) : event.message
}
