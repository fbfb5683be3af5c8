// The package's version, from its package.json (beside dist/ and lib/ alike).
import { readFileSync } from 'node:fs'

export function packageVersion(): string {
  const json = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(json) as { version: string }).version
}
