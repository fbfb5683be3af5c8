// Every task's presets as a model has them. Its own come from its files, and are checked as what they are: fields of requests.
import { DimooError } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import type { Fields } from '../fields/field.js'
import type { Defaults, PresetName, Presets } from '../native/info.js'
import { DESCRIPTORS } from '../requests/index.js'
import { TASKS } from '../requests/names.js'
import { presetGroup, presetOf, PRESET_NAMES, SETTABLE, type PresetGroup } from '../requests/presets.js'

const GROUPS: readonly PresetGroup[] = ['image', 'edit', 'text']

/** Throws `model/corrupt` naming the preset and the field that are not what they should be. */
export function readPresets(defaults: Defaults): Presets {
  checkOwn(defaults.presets)
  const ofTask = TASKS.map((task) => {
    const names = Object.keys(DESCRIPTORS[task].fields)
    return [task, Object.fromEntries(PRESET_NAMES.map((name) => [name, presetOf(task, name, defaults, names)]))] as const
  })
  return Object.fromEntries(ofTask) as unknown as Presets
}

function checkOwn(presets: unknown): void {
  if (presets === undefined) return
  for (const [group, name, preset] of entriesOf(presets)) {
    try {
      checkOptions(`presets.${group}.${name}`, preset, { fields: fieldsOf(group) })
    } catch (error) {
      throw new DimooError('model/corrupt', `generation defaults: ${(error as Error).message}`, { cause: error })
    }
  }
}

function entriesOf(presets: unknown): (readonly [PresetGroup, PresetName, unknown])[] {
  return named('presets', presets, GROUPS).flatMap(([group, own]) =>
    named(`presets.${group}`, own, PRESET_NAMES).map(([name, preset]) => [group, name, preset] as const),
  )
}

function named<Name extends string>(where: string, value: unknown, names: readonly Name[]): (readonly [Name, unknown])[] {
  const unknown = isObject(value) ? Object.keys(value).find((name) => !(names as readonly string[]).includes(name)) : undefined
  if (isObject(value) && unknown === undefined) return Object.entries(value) as [Name, unknown][]
  const found = unknown === undefined ? show(value) : `'${quote(unknown, 60)}'`
  throw new DimooError('model/corrupt', `generation defaults: ${where} must be an object of ${names.join(', ')}, got ${found}`)
}

/** What a preset of these tasks may hold. */
function fieldsOf(group: PresetGroup): Fields {
  const all: Fields = Object.assign(
    {},
    ...TASKS.filter((task) => presetGroup(task) === group).map((task) => DESCRIPTORS[task].fields),
  ) as Fields
  return Object.fromEntries(SETTABLE.filter((name) => name in all).map((name) => [name, all[name]!]))
}
