// A worker of bench/queue.mjs whose disk is full every other five seconds: node bench/queue/full-disk.mjs <redis> <store>
import { DimooError, loadModel } from '../../dist/index.js'
import { createWorker, openStore } from '../../dist/queue/index.js'

const [connection, folder] = process.argv.slice(2)
const store = await openStore(folder)
const isFull = () => Math.floor(Date.now() / 5000) % 2 === 0
await createWorker({
  connection,
  runner: await loadModel(undefined, { threads: 1 }),
  snapshotEvery: 500,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  store: {
    put: async (key, bytes) => {
      if (isFull()) throw new DimooError('output/failed', 'store: the disk is full')
      await store.put(key, bytes)
    },
    get: (key) => store.get(key),
    delete: (key) => store.delete(key),
  },
})
