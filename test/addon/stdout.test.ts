// Standard output that cannot be written ends every command with one line and exit code 1, never with a stack; what goes to a file is
// there all the same.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const main = path.join(root, 'dist/cli/main.js')
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-stdout-'))
const picture = path.join(folder, 'in.png')
beforeAll(() => sharp({ create: { width: 64, height: 64, channels: 3, background: '#e21e26' } }).toFile(picture))
afterAll(() => rmSync(folder, { recursive: true }))

/** A shell's line in a scratch folder, with `dimoo` in it. */
function shell(line: string): { readonly status: number | null; readonly stderr: string } {
  const found = spawnSync('bash', ['-c', `dimoo() { '${process.execPath}' '${main}' "$@"; }; ${line}`], { cwd: folder, encoding: 'utf8' })
  return { status: found.status, stderr: found.stderr.replace(/^(step|synth|dimoo: the answer) .*\n/gm, '') }
}

const COMMANDS = [
  'generate x --steps 2 -o generate.png',
  'generate x --steps 2 -o json.png --json',
  'edit x --image in.png --steps 2 -o edit.png',
  'ask "What color is it?" --image in.png',
  'ask "What color is it?" --image in.png --json',
  'chat "a red circle" --length 8 --block 8',
  'inspect',
  'inspect in.png --json',
  'synth tiny -o tiny.gguf',
  'doctor',
  'doctor --json',
  'list',
  'bench --rows 1 --repetitions 5 --steps 1 --json',
  '--help',
  'generate --help',
  '--version',
]

describe.skipIf(!existsSync('/dev/full'))('a full disk', () => {
  test.each(COMMANDS)('dimoo %s', (line) => {
    if (line.startsWith('inspect in.png')) shell('dimoo generate x --steps 1 -o in.png')
    const { status, stderr } = shell(`dimoo ${line} > /dev/full`)
    expect([stderr, status]).toEqual(['dimoo: output: cannot write to standard output (the disk is full) (output/failed)\n', 1])
  })

  test('what goes to a file is there all the same', () => {
    expect(['generate.png', 'json.png', 'edit.png', 'tiny.gguf'].filter((name) => !existsSync(path.join(folder, name)))).toEqual([])
  })
})

describe('a reader that has gone', () => {
  test.each(['generate x --steps 2 -o gone.png --json', 'ask "What color is it?" --image in.png --json', 'inspect', '--help'])(
    'dimoo %s',
    (line) => {
      const { status, stderr } = shell(`{ sleep 0.2; dimoo ${line}; } | true; exit "\${PIPESTATUS[0]}"`)
      expect([stderr, status]).toEqual(['dimoo: output: cannot write to standard output (its reader has gone) (output/failed)\n', 1])
    },
  )

  test('before it is all written, as head does', () => {
    expect(shell('set -o pipefail; dimoo inspect | head -n 1 > /dev/null').stderr).toMatch(/^(dimoo: .*its reader has gone.*\n)?$/)
  })
})

test('a standard error that cannot be written is no trouble', () => {
  expect(shell('dimoo generate x --steps 2 -o err.png 2> /dev/full').status).toBe(0)
})
