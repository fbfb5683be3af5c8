// The other process of wire.test.ts: decodes what arrives as messages on its channel, and answers in messages.
import { loadModel } from '../../dist/index.js'
import { errorToData } from '../../dist/base/errors.js'
import { decodeMessage, encodeMessage, messageFromJsonText, messageToJson } from '../../dist/wire/messages.js'

const model = await loadModel(undefined, { threads: 1 })
const forms = {
  cbor: { read: (bytes) => decodeMessage(bytes), write: (message) => encodeMessage(message) },
  json: { read: (text) => messageFromJsonText(text), write: (message) => JSON.stringify(messageToJson(message)) },
}

process.on('message', async ({ form, sent }) => {
  const { read, write } = forms[form]
  const say = (message) => process.send(write(message))
  try {
    const { task, request, options } = read(sent)
    const run = model.run(task, request, options)
    for await (const step of run) say({ kind: 'step', task, step })
    say({ kind: 'result', task, result: await run.result() })
  } catch (error) {
    say({ kind: 'error', error: errorToData(error) })
  }
})
process.send('ready')
