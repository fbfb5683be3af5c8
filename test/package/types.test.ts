// The types as consumers compile against them: CommonJS and modules under TypeScript's strictest settings, previews typed by what was asked
// for, every public name documented.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TASKS } from '../../lib/requests/names.js'

const root = path.resolve(import.meta.dirname, '../..')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-types-'))
  mkdirSync(path.join(folder, 'node_modules/@types'), { recursive: true })
  symlinkSync(root, path.join(folder, 'node_modules/lumina-dimoo'))
  symlinkSync(path.join(root, 'node_modules/@types/node'), path.join(folder, 'node_modules/@types/node'))
  writeFileSync(path.join(folder, 'package.json'), '{"name":"consumer"}')
})
afterAll(() => rmSync(folder, { recursive: true }))

function complaints(name: string, text: string, options: ts.CompilerOptions = {}): string[] {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.Node16,
    types: ['node'],
    typeRoots: [path.join(folder, 'node_modules/@types')],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    ...options,
  })
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file: at, start }) => {
    const line = at ? `${path.basename(at.fileName)}:${at.getLineAndCharacterOfPosition(start!).line + 1}: ` : ''
    return `${line}${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}

const BODY = `
async function use(): Promise<void> {
  const model: DimooModel = await loadModel()
  const run = model.generate({ prompt: 'a red circle', seed: '7', cache: { ratio: 0.5 } }, { previews: { format: 'png' } })
  for await (const step of run) {
    const bytes: Uint8Array | undefined = step.preview
    void bytes
  }
  const raw = model.edit({ prompt: 'x', image: await run.result() }, { previews: { every: 2 } })
  for await (const { preview } of raw) if (preview) void preview.width
  const told: TextRun = model.ask({ prompt: 'x', images: ['a.png'], reuse: 'prefix' })
  for await (const { delta } of told) void delta.length
  const stream: ReadableStream<string> = told.toTextStream()
  const runner: Runner = model
  const error: unknown = new DimooError('internal', 'x')
  if (DimooError.is(error, 'queue/full')) void error.retryable
  const any: ImageResult = await runner.run('view', { image: 'a.png', view: 'left' }).result()
  void [stream, any.images[0]?.seed.length, (await runner.info()).codebookSize]
}
void use
`
const WRONG = `
async function wrong(model: DimooModel): Promise<void> {
  for await (const step of model.generate({ prompt: 'x' }, { previews: { format: 'png' } })) void step.preview?.width
  for await (const step of model.generate({ prompt: 'x' }, { previews: false })) void step.preview?.length
  model.generate({ prompt: 'x', steps: '8' })
  model.chat({ messages: [] }).remask([1])
}
void wrong
`
const IMPORT = "import { DimooError, loadModel, type DimooModel, type ImageResult, type Runner, type TextRun } from 'lumina-dimoo'"

describe('consumers compile, libraries checked', () => {
  test('modules', () => expect(complaints('a.mts', IMPORT + BODY)).toEqual([]))
  test('CommonJS, under node16', () => expect(complaints('b.cts', IMPORT + BODY)).toEqual([]))
  test('CommonJS by require', () => {
    expect(
      complaints(
        'c.cts',
        `import dimoo = require('lumina-dimoo')\nconst model: Promise<dimoo.DimooModel> = dimoo.loadModel()\nvoid model\n`,
      ),
    ).toEqual([])
  })
  test('what is wrong does not', () => {
    const found = complaints('d.mts', `import type { DimooModel } from 'lumina-dimoo'${WRONG}`)
    expect(found.map((one) => one.split(':')[1])).toEqual(['3', '4', '5', '6'])
  })
})

describe('every public name is documented', () => {
  const program = ts.createProgram([path.join(root, 'dist/index.d.ts')], { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022 })
  const checker = program.getTypeChecker()
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path.join(root, 'dist/index.d.ts'))!)!)
  const resolved = exported.map((one) => (one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one))
  const documented = (symbol: ts.Symbol): boolean => ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim() !== ''
  // An entry whose name says all (width of a size in pixels) needs no sentence where the whole has one that gives the unit.
  const members = (symbol: ts.Symbol): ts.Symbol[] =>
    (symbol.declarations ?? []).some((one) => ts.isInterfaceDeclaration(one) || ts.isClassDeclaration(one)) && symbol.members
      ? [...symbol.members.values()].filter(
          ({ flags, name }) => flags & ts.SymbolFlags.Method && !name.startsWith('__') && !name.startsWith('#'),
        )
      : []

  test.each(resolved.map((one) => [one.name, one] as const))('%s', (_, symbol) => {
    expect(documented(symbol), `${symbol.name} has a sentence`).toBe(true)
  })

  test('methods of runners, runs and models too', () => {
    const wanted = resolved.filter(({ name }) =>
      ['Runner', 'Run', 'ImageRun', 'TextRun', 'ImageStep', 'GeneratedImage', 'DimooModel'].includes(name),
    )
    expect(wanted).toHaveLength(7)
    const silent = wanted.flatMap((one) =>
      members(one)
        .filter((method) => !documented(method) && !inherited(method))
        .map((method) => `${one.name}.${method.name}`),
    )
    expect(silent).toEqual([])
  })
  const inherited = (method: ts.Symbol): boolean =>
    (method.declarations ?? []).some((one) => ts.isMethodDeclaration(one) && ts.isClassDeclaration(one.parent))

  test('methods name their errors and give an example where they start work', () => {
    const silent = TASKS.filter((task) => !readFileSync(path.join(root, `dist/requests/types/${task}.d.ts`), 'utf8').includes('@example'))
    expect(silent).toEqual([])
  })
})
