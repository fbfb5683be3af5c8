// Doors for CommonJS beside the entries of dist/ that package.json names: `index.cjs`, which requires the module, and `index.d.cts`, its types for
// compilers that hold CommonJS and modules apart (TypeScript's `node16`). Run after the compiler.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The text of a `.d.cts` for a module's exports: types are passed on, values declared by their type. */
export function commonTypes(file) {
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, skipLibCheck: true })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const from = `import('./${path.basename(file).replace(/\.d\.ts$/, '.js')}', { with: { 'resolution-mode': 'import' } })`
  const lines = []
  for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(source))) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    const { name } = exported
    const typeOnly = exported.declarations?.some((one) => ts.isExportSpecifier(one) && (one.isTypeOnly || one.parent.parent.isTypeOnly))
    const isValue = (symbol.flags & ts.SymbolFlags.Value) !== 0 && !typeOnly && !isTypeStar(exported, source, checker)
    const isType = (symbol.flags & ts.SymbolFlags.Type) !== 0
    if (isValue) lines.push(`export declare const ${name}: typeof ${from}.${name}`)
    if (!isType) continue
    const declared = checker.getDeclaredTypeOfSymbol(symbol).symbol ?? symbol
    const parameters = (declared.declarations ?? symbol.declarations ?? []).flatMap((one) => one.typeParameters ?? [])
    const unique = [
      ...new Map((symbol.declarations ?? []).flatMap((one) => one.typeParameters ?? []).map((one) => [one.name.text, one])).values(),
    ]
    const own = unique.length > 0 ? unique : [...new Map(parameters.map((one) => [one.name.text, one])).values()]
    const [left, right] = [own.map((one) => parameterText(one, from)), own.map((one) => one.name.text)]
    lines.push(
      own.length > 0
        ? `export type ${name}<${left.join(', ')}> = ${from}.${name}<${right.join(', ')}>`
        : `export type ${name} = ${from}.${name}`,
    )
  }
  return `// Written by scripts/cjs.mjs.\n${lines.join('\n')}\n`
}

// A constraint or default names types of the module it stands in, which are not at hand here unless they are exported.
function parameterText(parameter, from) {
  const named = (node) => node.getText().replace(/\b([A-Z]\w+)\b(?!['"])/g, (word) => (GLOBAL.has(word) ? word : `${from}.${word}`))
  const constraint = parameter.constraint ? ` extends ${named(parameter.constraint)}` : ''
  const other = parameter.default ? ` = ${named(parameter.default)}` : ''
  return `${parameter.name.text}${constraint}${other}`
}
const GLOBAL = new Set(['Uint8Array', 'Readonly', 'Record', 'Partial', 'Promise', 'ReadableStream'])

// `export type * from`: everything behind it is types.
function isTypeStar(exported, source, checker) {
  return source.statements.some(
    (one) =>
      ts.isExportDeclaration(one) &&
      one.isTypeOnly &&
      !one.exportClause &&
      checker.getExportsOfModule(checker.getSymbolAtLocation(one.moduleSpecifier)).some(({ name }) => name === exported.name),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { exports: entries } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  for (const entry of Object.values(entries)) {
    const door = entry.require?.default
    if (!door) continue
    const file = path.join(root, door)
    writeFileSync(file, `'use strict'\nmodule.exports = require('./${path.basename(door).replace(/\.cjs$/, '.js')}')\n`)
    writeFileSync(file.replace(/\.cjs$/, '.d.cts'), commonTypes(file.replace(/\.cjs$/, '.d.ts')))
  }
}
