// One picture of the embedded miniature through the built package, f32 and temperature 0: prints its codes, which are the same on every
// platform. LUMINA_DIMOO_PREBUILD names a folder with another platform's prebuilds/.
//   node picture.mjs [steps 4]
import process from 'node:process'
import { loadModel } from '../../dist/index.js'

const model = await loadModel(undefined, { device: 'cpu', precision: 'f32', threads: 2 })
const request = { prompt: 'a large yellow star on a black background', steps: Number(process.argv[2] ?? 4), temperature: 0, seed: 1 }
const { tokens, image } = await model.generate(request).result()
process.stdout.write(`${image.width}x${image.height} ${[...tokens].join(' ')}\n`)
await model.close()
