// A picture's file takes the place of another one: with its mode and owner, whatever stands in the way, and never lost.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkReplaceable, replaceFile } from '../../lib/base/replace-file.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-replace-'))
  chmodSync(folder, 0o755)
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})
const at = (name: string): string => path.join(folder, name)
const root = process.getuid?.() === 0
const bytes = Buffer.from('new')

test('a new file, and nothing beside it', async () => {
  await checkReplaceable(at('a'))
  await replaceFile(at('a'), bytes)
  expect(readdirSync(folder)).toEqual(['a'])
  writeFileSync(at('b'), '')
  expect(statSync(at('a')).mode).toBe(statSync(at('b')).mode)
})

test.skipIf(process.platform === 'win32')('mode and owner of the one before it', async () => {
  writeFileSync(at('a'), 'old')
  chmodSync(at('a'), 0o640)
  if (root) chownSync(at('a'), 65534, 65534)
  const before = statSync(at('a'))
  await replaceFile(at('a'), bytes)
  const after = statSync(at('a'))
  expect([after.mode, after.uid, after.gid, readFileSync(at('a'), 'utf8')]).toEqual([before.mode, before.uid, before.gid, 'new'])
  expect(after.ino, 'replaced, not written into').not.toBe(before.ino)
})

test('a link stays a link, also one that names nothing yet', async () => {
  mkdirSync(at('far'))
  symlinkSync('far/a', at('link'))
  for (const content of ['one', 'two']) {
    await checkReplaceable(at('link'))
    await replaceFile(at('link'), Buffer.from(content))
    expect(readFileSync(at('far/a'), 'utf8')).toBe(content)
  }
  expect([lstatSync(at('link')).isSymbolicLink(), readdirSync(at('far'))]).toEqual([true, ['a']])
})

test('what is no file, and a folder that is not there, are refused before the work', async () => {
  mkdirSync(at('folder'))
  await expect(checkReplaceable(at('folder'))).rejects.toMatchObject({ code: 'output/failed', message: /there is a folder of this name/ })
  await expect(checkReplaceable('/dev/null')).rejects.toMatchObject({ message: /it is no plain file/ })
  await expect(checkReplaceable(at('none/a'))).rejects.toMatchObject({ message: /there is no such folder/ })
  await expect(checkReplaceable(at('a\x1b[31m/a'))).rejects.toMatchObject({ message: expect.not.stringContaining('\x1b') as string })
})

/** Runs a script as a user without rights where we are root, with this module at hand; says what it printed. */
function asNobody(script: string): string {
  const module = path.resolve(import.meta.dirname, '../../dist/base/replace-file.js')
  const code = `process.setgid?.(65534); process.setuid?.(65534);
    const { checkReplaceable, replaceFile } = await import(${JSON.stringify(module)}); ${script}`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  return stdout + stderr
}
const write = (name: string): string => `await checkReplaceable(${JSON.stringify(at(name))}).then(
  () => replaceFile(${JSON.stringify(at(name))}, Buffer.from('new'))).then(() => console.log('done'), (e) => console.log(e.message))`

describe.skipIf(!root)('as a user without rights', () => {
  test('a folder that takes no new names: the file is written in place', () => {
    writeFileSync(at('a'), 'older and longer')
    chmodSync(at('a'), 0o666)
    const { ino } = statSync(at('a'))
    expect(asNobody(write('a'))).toBe('done\n')
    expect([statSync(at('a')).ino, readFileSync(at('a'), 'utf8')]).toEqual([ino, 'new'])
  })

  test("an owner that the new file could not have: in place, so that it stays root's", () => {
    chmodSync(folder, 0o777)
    writeFileSync(at('a'), 'old')
    chmodSync(at('a'), 0o666)
    expect(asNobody(write('a'))).toBe('done\n')
    expect([statSync(at('a')).uid, readFileSync(at('a'), 'utf8'), readdirSync(folder)]).toEqual([0, 'new', ['a']])
  })

  test("another's file that may not be written, in a folder of one's own: replaced", () => {
    chmodSync(folder, 0o777)
    writeFileSync(at('a'), 'old')
    expect(asNobody(write('a'))).toBe('done\n')
    expect([statSync(at('a')).uid, readFileSync(at('a'), 'utf8')]).toEqual([65534, 'new'])
  })

  test('no right at all: refused before the work', () => {
    writeFileSync(at('a'), 'old')
    expect(asNobody(write('a'))).toMatch(/cannot write .*\/a \(no permission to write there\)\n/)
    expect(readFileSync(at('a'), 'utf8')).toBe('old')
  })

  test('a place that was lost in the meantime: the picture is in the folder for temporary files, which the error names', () => {
    const gone = `await replaceFile(${JSON.stringify(at('none/a.png'))}, Buffer.from('new')).catch((e) => console.log(e.code, e.details.kept, e.message))`
    const [code, kept, ...words] = asNobody(gone).trim().split(' ')
    expect([code, readFileSync(kept!, 'utf8')]).toEqual(['output/failed', 'new'])
    expect(words.join(' ')).toMatch(new RegExp(`\\(there is no such folder; it is in ${kept!}\\)$`))
    rmSync(kept!)
  })
})

/** Whether something can be mounted in a name space of our own. */
const mounts = spawnSync('unshare', ['-Urm', 'true']).status === 0

test.skipIf(!mounts)('a file that is mounted by itself is written in place', () => {
  writeFileSync(at('host'), 'old')
  writeFileSync(at('a'), '')
  const module = path.resolve(import.meta.dirname, '../../dist/base/replace-file.js')
  const code = `const { replaceFile } = await import('${module}'); await replaceFile('${at('a')}', Buffer.from('new'))`
  writeFileSync(at('run.sh'), `mount --bind ${at('host')} ${at('a')} && exec ${process.execPath} --input-type=module -e "${code}"`)
  const { status, stderr } = spawnSync('unshare', ['-Urm', 'sh', at('run.sh')], { encoding: 'utf8' })
  expect([status, stderr, readFileSync(at('host'), 'utf8')]).toEqual([0, '', 'new'])
  expect(readdirSync(folder).sort()).toEqual(['a', 'host', 'run.sh'])
})
