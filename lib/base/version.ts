// The package's version, from its package.json; 'unknown' in a bundle that left it behind.
import { packageFile } from './package-root.js'

export function packageVersion(): string {
  const json = packageFile('package.json')
  return json === undefined ? 'unknown' : (JSON.parse(json) as { version: string }).version
}
