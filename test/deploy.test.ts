// Files to deploy with: they parse, their flags and probes are those that there are, and what they say of each other is so.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { variableOf } from '../lib/cli/environment.js'
import { command as workerCommand } from '../lib/cli/worker.js'
import { serveCommand } from '../lib/cli/serve.js'
import { processContext } from '../lib/cli/context.js'

const root = path.resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const there = (command: string): boolean => spawnSync(command, ['--version']).error === undefined

/** YAML as Python reads it. */
function documents(text: string): Record<string, unknown>[] {
  const script = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))'
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-c', script], { input: text, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Record<string, unknown>[]
}

const hasYaml = spawnSync('/usr/bin/python3', ['-c', 'import yaml']).status === 0
const kubernetes = 'deploy/queue/kubernetes.yaml'

interface Kubernetes {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  /** A ConfigMap has none. */
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: object }
    readonly template?: {
      readonly metadata: { readonly labels: object }
      readonly spec: { readonly containers: readonly Container[]; readonly volumes?: readonly { readonly name: string }[] }
    }
    readonly scaleTargetRef?: { readonly name: string }
  }
}
interface Container {
  readonly ports: readonly { readonly name: string }[]
  readonly volumeMounts?: readonly { readonly name: string }[]
  readonly readinessProbe?: { readonly httpGet?: { readonly path: string; readonly port: string } }
  readonly livenessProbe?: object
}

test.skipIf(!hasYaml)('Kubernetes: every object is one that there is, and names what is there', () => {
  const all = documents(read(kubernetes)) as unknown as Kubernetes[]
  const kinds = all.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)
  expect([...new Set(kinds)].sort()).toEqual([
    'apps/v1 Deployment',
    'apps/v1 StatefulSet',
    'keda.sh/v1alpha1 ScaledObject',
    'policy/v1 PodDisruptionBudget',
    'v1 ConfigMap',
    'v1 Service',
  ])
  for (const { kind, metadata, spec } of all) {
    if (!['Deployment', 'StatefulSet'].includes(kind)) continue
    const { template, selector } = spec!
    expect(template!.metadata.labels, metadata.name).toEqual(selector!.matchLabels)
    for (const { ports, volumeMounts = [], readinessProbe, livenessProbe } of template!.spec.containers) {
      expect(livenessProbe).toBeDefined()
      const { httpGet } = readinessProbe!
      if (httpGet) expect([httpGet.path, ports.map(({ name }) => name)]).toEqual(['/readyz', [httpGet.port]])
      const volumes = [...(template!.spec.volumes ?? []).map(({ name }) => name), 'data']
      expect(volumeMounts.filter(({ name }) => !volumes.includes(name))).toEqual([])
    }
  }
  const labels = all.flatMap(({ spec }) => (spec?.template ? [JSON.stringify(spec.template.metadata.labels)] : []))
  for (const { kind, spec } of all) {
    if (kind === 'PodDisruptionBudget') expect(labels).toContain(JSON.stringify(spec!.selector!.matchLabels))
  }
  const target = all.find(({ kind }) => kind === 'ScaledObject')!.spec!.scaleTargetRef!.name
  expect(all.some(({ kind, metadata }) => kind === 'Deployment' && metadata.name === target)).toBe(true)
  // What it scales by is what a server tells.
  const metric = /query: max\((\w+)\)/.exec(read(kubernetes))![1]!
  expect(read('lib/server/ops/gauges.ts')).toContain(`'${metric}'`)
})

const hasKubectl = there('kubectl') && hasYaml
/** What kubectl makes of an object without a cluster. */
function kubectl(object: object, ...args: readonly string[]): { readonly said: string; readonly made: unknown } {
  const { stdout, stderr } = spawnSync('kubectl', [...args, '--local', '-f', '-', '-o', 'json'], {
    input: JSON.stringify(object),
    encoding: 'utf8',
  })
  return { said: stderr.trim(), made: stdout === '' ? undefined : JSON.parse(stdout) }
}

/** Paths of what is in the first and not, or otherwise, in the second. */
function lost(given: unknown, made: unknown, at = ''): string[] {
  if (typeof given !== 'object' || given === null) return String(given) === String(made) ? [] : [at] // a quantity may be a number or a text
  return Object.entries(given).flatMap(([name, value]) =>
    lost(value, (made as Record<string, unknown> | undefined)?.[name], `${at}.${name}`),
  )
}

test.skipIf(!hasKubectl)('Kubernetes: every field is one of its API, of its type', () => {
  const all = [kubernetes, 'deploy/serve/kubernetes.yaml'].flatMap((file) => documents(read(file))) as unknown as Kubernetes[]
  for (const object of all.filter(({ apiVersion }) => !apiVersion.startsWith('keda'))) {
    const name = `${object.kind} ${object.metadata.name}`
    // As a patch of itself: kubectl knows the fields of its own kinds.
    expect(kubectl(object, 'patch', '--type', 'strategic', '-p', JSON.stringify(object)).said, name).toBe('')
    if (!['Deployment', 'StatefulSet'].includes(object.kind)) continue
    // Through its types and back: what it does not know is gone.
    const { said, made } = kubectl(object, 'set', 'env', 'ADDED=1')
    expect([said, lost(object, made)], name).toEqual(['', []])
  }
})

test.skipIf(!hasKubectl)('kubectl says what is wrong with a manifest', () => {
  const object = (documents(read(kubernetes)) as unknown as Kubernetes[]).find(({ kind }) => kind === 'Deployment')!
  const { containers } = object.spec!.template!.spec
  const changed = (change: object): object => ({ ...object, spec: { ...object.spec, ...change } })
  const container = (change: object): object => {
    const spec = { ...object.spec!.template!.spec, containers: [{ ...containers[0], ...change }] }
    return changed({ template: { ...object.spec!.template, spec } })
  }
  const patched = container({ readinessProb: { exec: {} } })
  expect(kubectl(patched, 'patch', '-p', JSON.stringify(patched)).said).toMatch(/readinessProb/)
  const flat = container({ bogus: 1 })
  expect(lost(flat, kubectl(flat, 'set', 'env', 'ADDED=1').made)).toEqual(['.spec.template.spec.containers.0.bogus'])
  expect(kubectl(changed({ replicas: 'two' }), 'set', 'env', 'ADDED=1').said).toMatch(/replicas of type int32/)
})

test('every DIMOO_ variable is a flag of the command that reads it', () => {
  const context = processContext()
  const known = [workerCommand(context), serveCommand(context)].flatMap(({ options }) => options.map(({ long }) => variableOf(long ?? '')))
  for (const file of [kubernetes, 'deploy/queue/compose.yaml']) {
    const used = [...new Set(read(file).match(/\bDIMOO_[A-Z_]+/g))]
    expect(used.length).toBeGreaterThan(3)
    expect(
      used.filter((name) => !known.includes(name)),
      file,
    ).toEqual([])
  }
})

test.skipIf(!there('docker-compose'))('the compose file is one', () => {
  const { status, stdout, stderr } = spawnSync('docker-compose', ['-f', path.join(root, 'deploy/queue/compose.yaml'), 'config'], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  for (const name of ['redis', 'serve', 'worker-1', 'worker-2']) expect(stdout).toContain(`${name}:`)
})
