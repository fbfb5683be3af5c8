// How many cells stay masked after each step, as numbers. Apart from the fields of sampling, which a browser has no need of.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { Schedule } from '../fields/values.js'

/** A function is sampled once per step; the last step always leaves nothing masked. Throws `request/invalid` for shares of other steps. */
export function resolveSchedule(where: string, schedule: Schedule = 'cosine', steps: number): 'cosine' | 'linear' | Float32Array {
  if (typeof schedule === 'string') return schedule
  if (typeof schedule !== 'function') {
    if (schedule.length !== steps) throw invalid(`${where}: schedule must have one share a step, ${steps}, got ${schedule.length}`)
    return Float32Array.from(schedule, (share, step) => (step === steps - 1 ? 0 : share))
  }
  return Float32Array.from({ length: steps }, (_, step) => {
    const share: unknown = step === steps - 1 ? 0 : schedule((step + 1) / steps)
    if (typeof share === 'number' && share >= 0 && share <= 1) return share
    throw invalid(`${where}: schedule must return a number from 0 to 1, got ${show(share)} at ${(step + 1) / steps}`)
  })
}
