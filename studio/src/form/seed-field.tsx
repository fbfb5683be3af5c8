// The seed, and where the next one comes from.
import { shown } from '../schema/schema.js'
import { put, seedWay, values, type SeedWay } from './draft.js'

const WAYS: readonly (readonly [SeedWay, string])[] = [
  ['random', 'Random'],
  ['locked', 'Locked'],
  ['next', 'Next'],
]

export function SeedField() {
  const { seed } = values.value
  const isSeed = seed === undefined || /^\d{1,20}$/.test(shown(seed))
  return (
    <div class="field">
      <label for="seed">Seed</label>
      <div class="row">
        <input
          id="seed"
          type="text"
          inputMode="numeric"
          placeholder="random"
          value={seed === undefined ? '' : shown(seed)}
          aria-invalid={!isSeed}
          aria-describedby="seed-hint"
          onInput={(event) => {
            const typed = event.currentTarget.value.trim()
            put('seed', typed === '' ? undefined : typed)
            seedWay.value = typed === '' ? 'random' : seedWay.value === 'random' ? 'locked' : seedWay.value
          }}
        />
        <select
          aria-label="Seed of the next run"
          value={seedWay.value}
          onChange={(event) => {
            seedWay.value = event.currentTarget.value as SeedWay
            if (seedWay.value === 'random') put('seed', undefined)
            else if (values.value['seed'] === undefined) put('seed', randomSeed())
          }}
        >
          {WAYS.map(([way, words]) => (
            <option key={way} value={way}>
              {words}
            </option>
          ))}
        </select>
        <button
          type="button"
          onClick={() => {
            put('seed', randomSeed())
            if (seedWay.value === 'random') seedWay.value = 'locked'
          }}
        >
          Draw one
        </button>
      </div>
      <p class="hint" id="seed-hint">
        {isSeed
          ? 'The same seed gives the same picture; locked keeps it, next adds one after each run.'
          : 'A seed is digits only, up to 2^64 - 1.'}
      </p>
    </div>
  )
}

const randomSeed = (): string => String(crypto.getRandomValues(new Uint32Array(1))[0]!)
