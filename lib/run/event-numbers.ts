// Numbers that whoever keeps a run gave its steps, beside the steps: they are no part of what a step says. Servers in front of one queue number
// their events by them, so that a client may go on at any of them.
const numbers = new WeakMap<object, number>()

export function numberEvent(step: object, number: number): void {
  numbers.set(step, number)
}

/** undefined: nobody but its reader counts. */
export function eventNumber(step: object): number | undefined {
  return numbers.get(step)
}
