// How much work is put into a run: a preset of the model, and what it sets. Fields beside it stand above it.
import { useId } from 'preact/hooks'
import type { PresetName, TaskName } from 'lumina-dimoo/client'
import { presetOf } from '../schema/schema.js'
import { info } from '../server/connection.js'

const WAYS: readonly (readonly [PresetName | '', string])[] = [
  ['', 'Default'],
  ['fast', 'Fast'],
  ['balanced', 'Balanced'],
  ['best', 'Best'],
]
const WORDS: Readonly<Record<string, string>> = { bestOf: 'best of', reuse: 'kept', cache: 'ML-Cache' }

export interface PresetProps {
  readonly task: TaskName
  readonly value: unknown
  readonly onChange: (value: PresetName | undefined) => void
}

export function PresetField({ task, value, onChange }: PresetProps) {
  const id = useId()
  return (
    <fieldset class="field preset" aria-describedby={`${id}-hint`}>
      <legend>Preset</legend>
      <div class="choices">
        {WAYS.map(([name, words]) => (
          <label key={name}>
            <input type="radio" name={id} checked={(value ?? '') === name} onChange={() => onChange(name === '' ? undefined : name)} />
            {words}
          </label>
        ))}
      </div>
      <p class="hint" id={`${id}-hint`}>
        {sentence(task, value)}
      </p>
    </fieldset>
  )
}

function sentence(task: TaskName, value: unknown): string {
  const set = Object.entries(presetOf(task, value, info.value)).map(([name, one]) => `${WORDS[name] ?? name} ${said(one)}`)
  return set.length === 0 ? 'As the model has it.' : `Sets ${set.join(', ')}; a field that is filled in stands above it.`
}

const said = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value))
