// Where the package's own files lie: package.json, the addon, the embedded model. Beside dist/ and lib/ alike; a bundler that moved this module
// away leaves them in node_modules, or wherever docs/bundling.md had them copied to.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NAME = 'lumina-dimoo'
/** How far above a bundle its files are looked for: `dist/server/app.mjs` and two folders more. */
const LEVELS = 4

const { url: own } = import.meta as { readonly url?: string }
/** This module as a `file:` URL; the program's, in a bundle that lost it (CommonJS made by esbuild). */
export const moduleUrl: string = own ?? pathToFileURL(process.argv[1] ?? 'bundle.js').href

/** The folders above a bundle, nearest first. */
export function foldersAbove(): string[] {
  const folders: string[] = []
  let folder = path.dirname(fileURLToPath(moduleUrl))
  while (folders.length < LEVELS && folder !== path.dirname(folder)) {
    folders.push(folder)
    folder = path.dirname(folder)
  }
  return folders
}

/** The package's folder; undefined where this is a bundle and the package is nowhere near it. */
export function findPackageRoot(): string | undefined {
  return foldersAbove().find((folder) => packageName(folder) === NAME) ?? installed()
}

/** The package's folder; where there is none, the folder it would be. */
export const packageRoot: string = findPackageRoot() ?? path.resolve(path.dirname(fileURLToPath(moduleUrl)), '..', '..')

/** The text of one of its files; undefined where it is not there. */
export function packageFile(name: string): string | undefined {
  const file = path.join(packageRoot, name)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function installed(): string | undefined {
  try {
    return path.dirname(createRequire(moduleUrl).resolve(`${NAME}/package.json`))
  } catch {
    return undefined
  }
}

function packageName(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name?: unknown } | null)?.name
  } catch {
    return undefined
  }
}
