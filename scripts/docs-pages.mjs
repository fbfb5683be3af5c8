// Runs the code of the pages for users: blocks of a page in their order, in one folder that belongs to it, as a reader would. `js` is a module
// (CommonJS where it calls require()), of `sh` every line that begins with `npx dimoo`. A block after `<!-- not run: why -->` is left out.
//   node scripts/docs-pages.mjs [PAGE...]    runs them and writes the pictures that they show: docs/images/<page>-<name> is <name> there
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const BLOCK = /(<!-- not run: (.+) -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm
const SCALE = 3

/** Of servers that do not end, other machines and bundlers: tests of their own (test/server, test/pool, test/package). */
const LEFT_OUT = ['serving', 'scaling', 'bundling']

/** Pages under docs/ with code that can be run. */
export function pagesWithCode() {
  const names = readdirSync(path.join(root, 'docs'), { recursive: true }).filter(
    (name) => name.endsWith('.md') && !LEFT_OUT.includes(path.basename(name, '.md')),
  )
  return names.filter((name) => blocksOf(name).some(({ lines }) => lines.length > 0)).sort()
}

/** A page's blocks: { language, text, lines, why }; `lines` are what is run, `why` says what keeps it from being run. */
export function blocksOf(page) {
  const text = readFileSync(path.join(root, 'docs', page), 'utf8')
  return [...text.matchAll(BLOCK)].map(([, , why, language, text]) => ({ language, text, why, lines: why ? [] : linesOf(language, text) }))
}

function linesOf(language, text) {
  if (language === 'js') return [text]
  const commands = text.replaceAll('\\\n', ' ').split('\n')
  return language === 'sh' ? commands.filter((line) => line.startsWith('npx dimoo ')) : []
}

/** Pictures that a page shows, by the file's name in the page's folder. */
export function picturesOf(page) {
  const stem = path.basename(page, '.md')
  const text = readFileSync(path.join(root, 'docs', page), 'utf8')
  return [...text.matchAll(new RegExp(`images/${stem}-([\\w-]+\\.(?:png|webp))`, 'g'))].map(([, name]) => name)
}

/** Runs a page in a new folder, which `use` may look into; throws with the block that fails. */
export async function runPage(page, use = () => undefined) {
  const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-docs-'))
  try {
    mkdirSync(path.join(folder, 'node_modules'))
    symlinkSync(root, path.join(folder, 'node_modules/lumina-dimoo'))
    const blocks = blocksOf(page).filter(({ lines }) => lines.length > 0)
    for (const [i, { language, lines }] of blocks.entries()) for (const line of lines) await runLine(folder, language, line, `block-${i}`)
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runLine(folder, language, line, name) {
  const env = { ...process.env, DIMOO_CACHE: path.join(folder, 'cache'), HF_HOME: path.join(folder, 'hf') }
  try {
    if (language === 'js') {
      const file = /\brequire\(/.test(line) ? `${name}.cjs` : `${name}.mjs`
      writeFileSync(path.join(folder, file), line)
      await exec(process.execPath, [file], { cwd: folder, env })
    } else {
      const command = line.replaceAll('npx dimoo', `${process.execPath} ${path.join(root, 'dist/cli/main.js')}`)
      await exec('sh', ['-c', command], { cwd: folder, env })
    }
  } catch (error) {
    throw new Error(`${line.trim()}\n${error.stderr || error.message}`, { cause: error })
  }
}

/** Enlarged with sharp edges, as a picture of 64 pixels is too small to look at. */
async function enlarged(file) {
  const { default: sharp } = await import('sharp')
  const { width } = await sharp(file).metadata()
  const large = sharp(file, { animated: true }).resize({ width: width * SCALE, kernel: 'nearest' })
  return (file.endsWith('.webp') ? large.webp({ lossless: true }) : large.png({ palette: true, effort: 10 })).toBuffer()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2)
  mkdirSync(path.join(root, 'docs/images'), { recursive: true })
  for (const page of asked.length > 0 ? asked : pagesWithCode()) {
    await runPage(page, async (folder) => {
      for (const name of picturesOf(page)) {
        const made = path.join(folder, name)
        if (!existsSync(made)) throw new Error(`${page}: shows ${name}, which no block makes`)
        writeFileSync(path.join(root, 'docs/images', `${path.basename(page, '.md')}-${name}`), await enlarged(made))
      }
    })
    console.log(page)
  }
}
