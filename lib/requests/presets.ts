// What `preset` stands for: steps and what else trades time for quality. A model brings its own (docs/files.md#hugging-face-folder) or has
// those that follow from its defaults (docs/speed.md#presets). What a request says itself stands above its preset.
import { choice, type Field } from '../fields/field.js'
import type { Defaults, Preset, PresetName } from '../native/info.js'
import { defined, EDIT_DEFAULTS, IMAGE_DEFAULTS, TEXT_DEFAULTS, type ModelFacts } from './defaults.js'
import { isTextTask, type TaskName } from './names.js'

export const PRESET_NAMES = ['fast', 'balanced', 'best'] as const satisfies readonly PresetName[]

export const PRESET: Field = choice(PRESET_NAMES, {
  summary:
    'Steps and what else trades time for quality, set together (`info().presets` lists them); a field that is given stands above its preset.',
  default: { words: 'none: the defaults' },
  flag: { help: 'trade time for quality; other flags stand above it' },
})

/** Fields that a preset may set, where its task has them. */
export const SETTABLE = ['steps', 'guidance', 'temperature', 'cache', 'bestOf', 'reuse', 'threshold'] as const

export type PresetGroup = 'image' | 'edit' | 'text'

/** Whose defaults a task takes. */
export function presetGroup(task: TaskName): PresetGroup {
  if (isTextTask(task)) return 'text'
  return ['generate', 'inpaint', 'outpaint', 'retouch'].includes(task) ? 'image' : 'edit'
}

/** Pictures of which 'best' keeps one. */
const CANDIDATES = 4
/** A token that is as sure as this hardly ever changes (docs/quality.md). */
const SURE = 0.9

/** What a preset sets for a task. `names`: the fields of the task. */
export function presetOf(task: TaskName, preset: PresetName, defaults: Defaults, names: readonly string[]): Preset {
  const group = presetGroup(task)
  const found = defaults.presets?.[group]?.[preset] ?? derived(group, preset, defaults)
  return Object.fromEntries(Object.entries(defined(found)).filter(([name]) => names.includes(name)))
}

function derived(group: PresetGroup, preset: PresetName, { image, edit, text }: Defaults): Preset {
  if (group === 'text') {
    const { steps } = { ...TEXT_DEFAULTS, ...defined(text ?? {}) }
    if (preset === 'best') return { steps, reuse: 'none' }
    return { steps, reuse: 'prefix', ...(preset === 'fast' && { threshold: SURE }) }
  }
  const { steps } = group === 'image' ? { ...IMAGE_DEFAULTS, ...defined(image ?? {}) } : { ...EDIT_DEFAULTS, ...defined(edit ?? {}) }
  if (preset === 'best') return { steps, bestOf: CANDIDATES }
  return { steps: Math.ceil((steps * (preset === 'fast' ? 1 : 2)) / 3) }
}

type Values = Readonly<Record<string, unknown>>

/** A request, and the facts that complete it, as its preset has them. */
export interface Chosen<Request> {
  readonly request: Request
  readonly facts: ModelFacts
}

/** The request with what its preset sets and it does not say. */
export function withPreset<Request extends object>(
  task: TaskName,
  request: Request,
  facts: ModelFacts,
  names: readonly string[],
): Chosen<Request> {
  const { preset, ...said } = request as Values & { readonly preset?: PresetName }
  if (preset === undefined) return { request, facts }
  const own = defined(said)
  const { steps, ...rest } = presetOf(task, preset, facts.defaults, names)
  const fitting = Object.entries(rest).filter(([name, value]) => goesWith(name, value, own))
  return {
    request: { ...Object.fromEntries(fitting), ...own, ...guided(rest.guidance, own['guidance']) } as Request,
    facts: steps === undefined ? facts : { ...facts, defaults: withSteps(facts.defaults, presetGroup(task), steps) },
  }
}

// Steps are a default: an answer of another length takes as many a token.
function withSteps(defaults: Defaults, group: PresetGroup, steps: number): Defaults {
  return { ...defaults, [group]: { ...defaults[group], steps } }
}

// Two ways of keeping rows exclude each other, and of as many pictures as are asked for there is no best.
function goesWith(name: string, value: unknown, own: Values): boolean {
  switch (name) {
    case 'cache':
      return own['reuse'] !== 'prefix'
    case 'reuse':
      return (own['cache'] ?? false) === false
    case 'bestOf':
      return (value as number) > ((own['n'] as number | undefined) ?? 1)
    default:
      return true
  }
}

// By name: a request that says one pull leaves the others to its preset.
function guided(preset: unknown, own: unknown): { guidance?: object } {
  if (preset === undefined || own === undefined) return {}
  const byName = (value: unknown): object => (typeof value === 'number' ? { text: value } : defined(value as object))
  return { guidance: { ...byName(preset), ...byName(own) } }
}
