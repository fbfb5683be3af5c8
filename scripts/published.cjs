'use strict'
// The package.json that is published is the repository's without what only a checkout uses: npm would warn everybody who installs the
// package of a `prepare` that never runs there. npm runs this around every pack and publish.
//   strip    (prepack)  keeps the original beside it
//   restore  (postpack) puts it back
const fs = require('node:fs')
const path = require('node:path')

const root = path.resolve(__dirname, '..')
const file = path.join(root, 'package.json')
const original = path.join(root, '.package.json.original')

function restore() {
  if (fs.existsSync(original)) fs.renameSync(original, file)
}

function strip() {
  restore() // a pack that was killed
  fs.copyFileSync(file, original)
  fs.writeFileSync(file, published(fs.readFileSync(file, 'utf8')))
}

/** Without scripts and development dependencies. */
function published(text) {
  const { scripts, devDependencies, ...rest } = JSON.parse(text)
  if (!scripts || !devDependencies) throw new Error('expected scripts and devDependencies in package.json')
  return `${JSON.stringify(rest, null, 2)}\n`
}

const commands = { strip, restore }
if (require.main === module) {
  const command = commands[process.argv[2]]
  if (!command) throw new Error(`expected strip or restore, got ${process.argv[2]}`)
  command()
}
module.exports = { published }
