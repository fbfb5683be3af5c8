// Numbers that whoever keeps a run gave its steps, beside the steps: they are no part of what a step says. Servers in front of one queue number
// their events by them, so that a client may go on at any of them.
export interface EventNumber {
  readonly number: number
  /** How many events before it nobody keeps any more; 0 where whoever asks has followed from the first one. */
  readonly forgotten: number
}

const numbers = new WeakMap<object, EventNumber>()

export function numberEvent(step: object, number: EventNumber): void {
  numbers.set(step, number)
}

/** undefined: nobody but its reader counts. */
export function eventNumber(step: object): EventNumber | undefined {
  return numbers.get(step)
}
