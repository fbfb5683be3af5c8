// Where an addon may lie, and which file that would be: what LUMINA_DIMOO_PREBUILD names, and nothing else; or the package's folder and, for
// bundles, the folders above this module. Only looks; loads nothing, compiles nothing, downloads nothing.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { findPackageRoot, foldersAbove, moduleUrl, packageRoot } from '../base/package-root.js'

/** A place, and the addon in it or why there is none. */
export type Place = { readonly path: string; readonly file: string } | { readonly path: string; readonly why: string }

export const VARIABLE = 'LUMINA_DIMOO_PREBUILD'
const PREBUILDS = `prebuilds/${process.platform}-${process.arch}`

export function places(variable = process.env[VARIABLE]): Place[] {
  if (variable !== undefined && variable !== '') return [placeOf(path.resolve(variable))]
  const root = findPackageRoot()
  const folders = [...(root === undefined ? [] : [root]), ...foldersAbove().filter(holdsAddons)]
  return [...new Set(folders.length > 0 ? folders : [packageRoot])].map(placeOf)
}

function holdsAddons(folder: string): boolean {
  return ['build/Release', PREBUILDS].some((name) => existsSync(path.join(folder, name)))
}

/** A `.node` file, a folder with some, or a folder as the package's is. */
export function placeOf(place: string): Place {
  const found = statSync(place, { throwIfNoEntry: false })
  if (!found) return { path: place, why: 'is not there' }
  if (!found.isDirectory()) return place.endsWith('.node') ? { path: place, file: place } : { path: place, why: 'is no .node file' }
  return inPackage(place) ?? inFolder(place) ?? { path: place, why: `holds neither build/Release nor ${PREBUILDS} nor a .node file` }
}

/** The file that node-gyp-build would take: the one built here, else the prebuilt one with the best tags. */
function inPackage(folder: string): Place | undefined {
  if (!['build/Release', 'build/Debug', 'prebuilds'].some((name) => existsSync(path.join(folder, name)))) return undefined
  try {
    const builds = createRequire(moduleUrl)('node-gyp-build') as { path(dir: string): string }
    return { path: folder, file: builds.path(folder) }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    if (code === 'MODULE_NOT_FOUND')
      return { path: folder, why: `needs the package node-gyp-build, which is not there; ${VARIABLE} may name the .node file` }
    return { path: folder, why: message.split('\n', 1)[0]! }
  }
}

function inFolder(folder: string): Place | undefined {
  const name = readdirSync(folder)
    .sort()
    .find((one) => one.endsWith('.node'))
  return name === undefined ? undefined : { path: folder, file: path.join(folder, name) }
}
