// Writes the held-out cases of the first miniature's world, 100 a kind, into a folder: bench/quality/cases/first.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Task } from '../cases.js'
import { randomFrom } from '../world/random.js'
import { edits, fillings, maps, prompts, untrained } from './pictures.js'
import type { Sampler } from './pictures.js'
import { questions, told } from './questions.js'

/** Without what is plain: toScene and toAsk put it back. */
function short(key: string, value: unknown): unknown {
  const plain = value === null || (key === 'palette' && value === 'plain') || (key === 'fill' && value === 'solid')
  return plain ? undefined : value
}

function all(): [Task, string, Sampler][] {
  const of = (task: Task, list: Readonly<Record<string, Sampler>>): [Task, string, Sampler][] =>
    Object.entries(list).map(([kind, sample]) => [task, kind, sample])
  return [
    ...of('generate', prompts),
    ...of('edit', edits),
    ...Object.entries(fillings).flatMap(([task, sample]) => of(task as Task, { one: sample })),
    ...maps,
    ...of('subject', { background: untrained.subject }),
    ...of('style', { background: untrained.style }),
    ...of('view', { side: untrained.view }),
    ...of('ask', questions),
    ...of('chat', { told }),
  ]
}

export function writeCases(folder: string, count = 100, seed = 5001): void {
  mkdirSync(folder, { recursive: true })
  for (const [k, [task, kind, sample]] of all().entries()) {
    const random = randomFrom(seed + 101 * k)
    const lines = Array.from({ length: count }, (_, i) => {
      const { judge, prompt, scene, ...rest } = sample(random, i)
      return JSON.stringify({ id: `${task}.${kind}.${i}`, task, kind, judge, prompt, scene, ...rest }, short)
    })
    writeFileSync(path.join(folder, `${task}.${kind}.jsonl`), `${lines.join('\n')}\n`)
  }
}
