// What stands in the form: one value a field, shared by all tasks, so that changing the task keeps the prompt, the picture and its mask.
// Kept over reloads where it is text and numbers.
import { computed, effect, signal } from '@preact/signals'
import type { TaskName } from 'lumina-dimoo/client'
import { recall, remember } from '../kept/settings.js'
import { info, schemas } from '../server/connection.js'
import { fieldsOf, isPicture, isRegion, shown } from '../schema/schema.js'
import { isGiven } from '../pictures/picture.js'
import { TASKS } from '../schema/tasks.js'
import { takeUp } from '../mask/mask.js'

export type Values = Readonly<Record<string, unknown>>
export type SeedWay = 'random' | 'locked' | 'next'

// Another version of the page, or a person, may have left anything there.
const found = recall('task')
export const task = signal<TaskName>(TASKS.find((one) => one.task === found)?.task ?? 'generate')
export const values = signal<Values>(restored())
/** Options of the run: priority, deadline. */
export const options = signal<Values>({})
export const seedWay = signal<SeedWay>('random')

export const fields = computed(() => fieldsOf(schemas.value?.tasks[task.value].request))
export const optionFields = computed(() => fieldsOf(schemas.value?.options))

/** A map is read without words, but as the original does it. */
export const takesPrompt = computed(
  () => fields.value.some(({ name }) => name === 'prompt') && (task.value !== 'predict' || info.value?.compat === 'reference'),
)

export function put(name: string, value: unknown): void {
  const { [name]: _, ...rest } = values.value
  values.value = value === undefined ? rest : { ...rest, [name]: value }
}

export function putOption(name: string, value: unknown): void {
  const { [name]: _, ...rest } = options.value
  options.value = value === undefined ? rest : { ...rest, [name]: value }
}

export const text = (name: string): string => {
  const value = values.value[name]
  return typeof value === 'string' ? value : ''
}

/** What stands in the form for the task's fields; pictures and masks apart. */
export function requestNow(): Record<string, unknown> {
  const plain = fields.value.filter(({ schema }) => !isPicture(schema) && !isRegion(schema)).map(({ name }) => name)
  const names = takesPrompt.value ? plain : plain.filter((name) => name !== 'prompt')
  const found = Object.fromEntries(names.filter((name) => values.value[name] !== undefined).map((name) => [name, values.value[name]]))
  if (names.includes('prompt') && found['prompt'] === undefined) found['prompt'] = ''
  return found
}

export const sizeNow = computed(() => {
  const { width = 1024, height = 1024 } = info.value?.defaults.image ?? {}
  const own = values.value
  return {
    width: typeof own['width'] === 'number' ? own['width'] : width,
    height: typeof own['height'] === 'number' ? own['height'] : height,
  }
})

/** For the run after the one that began with this seed. */
export function turnSeed(used: unknown): void {
  if (seedWay.value === 'random') put('seed', undefined)
  else if (seedWay.value === 'next' && /^\d{1,20}$/.test(shown(used))) put('seed', String(BigInt.asUintN(64, BigInt(shown(used)) + 1n)))
}

/** The form as it was for a run: nothing that was set for another one stays. */
export function fillIn(name: TaskName, request: Values): void {
  const { start: _, mask, region, from, ...rest } = request
  const image = rest['image'] ?? from
  task.value = name
  values.value = { ...rest, ...(isGiven(image) && { image }) }
  seedWay.value = rest['seed'] === undefined ? 'random' : 'locked'
  const cells = mask ?? region
  if (cells instanceof Uint32Array) takeUp(cells, image)
}

function light(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

function restored(): Values {
  try {
    const found = JSON.parse(recall('draft') ?? '{}') as unknown
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return {}
    return Object.fromEntries(Object.entries(found).filter(([, value]) => light(value)))
  } catch {
    return {}
  }
}

effect(() => {
  const kept = Object.entries(values.value).filter(([, value]) => light(value) && !String(value).startsWith('data:'))
  remember('draft', JSON.stringify(Object.fromEntries(kept)))
})
effect(() => remember('task', task.value))
