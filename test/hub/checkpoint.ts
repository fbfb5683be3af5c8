// The golden checkpoint as a repository would hold it: the released file layout, small.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import type { FakeFile } from './fake-hub.js'

export const checkpoint = path.resolve(import.meta.dirname, '../golden/checkpoint')

/** Weights and the tokenizer in LFS, the rest in git; what a repository has besides, and what must not be fetched. */
export function checkpointFiles(): FakeFile[] {
  const names = readdirSync(checkpoint, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(path.join(checkpoint, name)).isFile(),
  )
  const files = names.map((name) => ({
    path: name.split(path.sep).join('/'),
    bytes: readFileSync(path.join(checkpoint, name)),
    git: !/\.safetensors$|^tokenizer\.json$/.test(name),
  }))
  const others = ['README.md', '.gitattributes', 'modeling_llada.py'].map((name) => ({
    path: name,
    bytes: Buffer.from('# hello\n'),
    git: true,
  }))
  return [...files, ...others, { path: 'training_args.bin', bytes: Buffer.from('pickle') }]
}
