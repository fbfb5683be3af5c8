// What must hold before a release: one line each, exit code 1 where one does not. Leaves build/release/: the tarball and its SBOM (CycloneDX).
//   npm run release:check                 everything
//   npm run release:check -- --draft      an unreleased changelog and missing prebuilds are only said
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { PREBUILDS } from './prebuild.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const draft = process.argv.includes('--draft')
const out = path.join(root, 'build/release')
const MEGABYTE = 1e6
const LIMITS = { plain: 40 * MEGABYTE, cuda: 60 * MEGABYTE }
const FLOOR = '2.34'
/** Of what is installed with the package. */
const LICENCES =
  /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|LGPL-3\.0-or-later|MIT OR Apache-2\.0|Apache-2\.0 AND LGPL-3\.0-or-later)( AND [\w. -]+)?\)?$/
/** Libraries inside the binaries, which no package manager knows of. */
const LINKED = [
  { name: 'node-addon-api', licence: 'MIT' },
  { name: 'libstdc++', licence: 'GPL-3.0-or-later WITH GCC-exception-3.1' },
  { name: 'libgcc', licence: 'GPL-3.0-or-later WITH GCC-exception-3.1' },
  { name: 'winpthreads', licence: 'MIT' },
  { name: 'CUDA runtime', licence: 'NVIDIA CUDA Toolkit EULA' },
]
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
let failed = 0

/** `body` throws what is wrong, or returns what to say. */
function check(name, body, { onlySaid = false } = {}) {
  try {
    console.log(`ok ${name}: ${body() ?? 'yes'}`)
  } catch (error) {
    if (!onlySaid) failed++
    console.log(`${onlySaid ? 'note' : 'not ok'} ${name}: ${error.message.trim().split('\n').slice(0, 3).join(' | ')}`)
  }
}

function run(command, args, cwd = root) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 })
  } catch (error) {
    throw new Error(`${error.stdout ?? ''}${error.stderr ?? ''}` || error.message, { cause: error })
  }
}

function need(condition, message) {
  if (!condition) throw new Error(message)
}

const pack = (folder) =>
  path.join(folder, JSON.parse(/\[\s*\{[\s\S]*\]\s*$/.exec(run('npm', ['pack', '--json', '--pack-destination', folder]))[0])[0].filename)
const hash = (file) => createHash('sha256').update(readFileSync(file)).digest('hex')

mkdirSync(out, { recursive: true })
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-release-'))
let tarball

check('version', () => {
  need(/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(manifest.version), `expected a version, got ${manifest.version}`)
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  need(lock.version === manifest.version, `package-lock.json: expected ${manifest.version}, got ${lock.version}`)
  return manifest.version
})
check(
  'changelog',
  () => {
    const [, version, date] = /^## (\S+) \(([^)]+)\)$/m.exec(readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8')) ?? []
    need(
      version === manifest.version && /^\d{4}-\d\d-\d\d$/.test(date),
      `expected "## ${manifest.version} (YYYY-MM-DD)" first, got ${version} (${date})`,
    )
    return date
  },
  { onlySaid: draft },
)
check('package.json', () => {
  for (const field of ['repository', 'homepage', 'bugs', 'license', 'engines']) need(manifest[field], `expected ${field}`)
  return manifest.repository.url
})
for (const [target, file] of Object.entries(PREBUILDS)) {
  const addon = path.join(root, 'prebuilds', file)
  const onlySaid = draft && !existsSync(addon)
  check(
    `prebuild ${target}`,
    () => {
      need(existsSync(addon), `expected ${path.relative(root, addon)}`)
      if (target === 'linux-x64' || target === 'linux-arm64')
        return run('node', ['scripts/floor-check.mjs', addon, FLOOR]).trim().replace(/^.*: /, '')
      return `${(statSync(addon).size / MEGABYTE).toFixed(1)} MB`
    },
    { onlySaid },
  )
}
check('pack twice', () => {
  const [first, second] = ['a', 'b'].map((name) => {
    mkdirSync(path.join(folder, name))
    return pack(path.join(folder, name))
  })
  need(hash(first) === hash(second), `expected the same bytes, got ${hash(first)} and ${hash(second)}`)
  tarball = path.join(out, path.basename(first))
  writeFileSync(tarball, readFileSync(first))
  return `${path.relative(root, tarball)} ${hash(first)}`
})
if (tarball) {
  check('size', () => {
    const x64 = path.join(root, 'prebuilds', PREBUILDS['linux-x64'])
    const cuda = existsSync(x64) && readFileSync(x64).includes('cudaLaunchKernel')
    const [bytes, limit] = [statSync(tarball).size, cuda ? LIMITS.cuda : LIMITS.plain]
    need(
      bytes < limit,
      `expected less than ${limit / MEGABYTE} MB ${cuda ? 'with' : 'without'} CUDA, got ${(bytes / MEGABYTE).toFixed(1)} MB`,
    )
    return `${(bytes / MEGABYTE).toFixed(1)} MB ${cuda ? 'with' : 'without'} CUDA`
  })
  check('publint', () => void run('npx', ['publint', '--strict', tarball]))
  check('attw', () => void run('npx', ['attw', tarball, '--profile', 'esm-only']))
  check('contents', () => {
    const names = run('tar', ['-tzf', tarball]).trim().split('\n')
    for (const name of [
      'LICENSE',
      'THIRD_PARTY_NOTICES.md',
      'README.md',
      'CHANGELOG.md',
      'dist/index.js',
      'dist/index.d.ts',
      'models/miniature.gguf',
    ]) {
      need(names.includes(`package/${name}`), `expected ${name}`)
    }
    const secret = names.find((name) => /\/(test|node_modules|build)\/|\.env|\.npmrc|\.package\.json/.test(name))
    need(!secret, `expected nothing of a checkout's own, got ${secret}`)
    return `${names.length} files`
  })
  check('installing it says nothing', () => {
    const project = path.join(folder, 'project')
    mkdirSync(project)
    writeFileSync(path.join(project, 'package.json'), '{ "name": "empty", "private": true }')
    const { stderr } = installed(project)
    need(!/warn|error/i.test(stderr), stderr)
    return run('node', ['node_modules/lumina-dimoo/dist/cli/main.js', '--version'], project).trim()
  })
}
check('licences of what is installed with it', () => {
  const tree = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--omit', 'optional']))
  const bad = (tree.components ?? []).flatMap(({ name, licenses = [] }) => {
    const found = licenses.map(({ license, expression }) => expression ?? license?.id ?? license?.name)
    return found.length > 0 && found.every((one) => LICENCES.test(one)) ? [] : [`${name}: ${found.join(', ') || 'none'}`]
  })
  need(bad.length === 0, `expected permissive licences, got ${bad.join('; ')}`)
  writeFileSync(path.join(out, 'sbom.cdx.json'), `${JSON.stringify(withLinked(tree), null, 2)}\n`)
  return `${tree.components.length} packages; build/release/sbom.cdx.json`
})
check('API reference', () => void run('npx', ['typedoc', '--emit', 'none']))
check('notices of what is linked', () => {
  const notices = readFileSync(path.join(root, 'THIRD_PARTY_NOTICES.md'), 'utf8')
  for (const { name } of LINKED) need(notices.includes(name), `expected ${name} in THIRD_PARTY_NOTICES.md`)
})

rmSync(folder, { recursive: true, force: true })
process.exit(failed > 0 ? 1 : 0)

function installed(project) {
  const result = { stdout: '', stderr: '' }
  try {
    const script = `npm install --no-audit --no-fund --prefer-offline ${JSON.stringify(tarball)} 2> stderr.txt`
    result.stdout = execFileSync('sh', ['-c', script], { cwd: project, encoding: 'utf8' })
  } catch (error) {
    result.stderr = error.message
  }
  result.stderr += readFileSync(path.join(project, 'stderr.txt'), 'utf8')
  return result
}

/** The bill of materials with what is inside the binaries. */
function withLinked(tree) {
  const components = LINKED.map(({ name, licence }) => ({
    type: 'library',
    name,
    licenses: [/\s|^LicenseRef/.test(licence) ? { license: { name: licence } } : { license: { id: licence } }],
    properties: [{ name: 'linkage', value: 'static, in prebuilds/' }],
  }))
  return { ...tree, components: [...(tree.components ?? []), ...components] }
}
