// What the server does: load, rows a pass, reuse, memory, devices, and the model behind it.
import { useEffect, useState } from 'preact/hooks'
import { client, greet, hear, info, schemas, serverState, useKey } from '../server/connection.js'
import { recall } from '../kept/settings.js'
import { bytes, Fact } from './facts.js'
import { Load, type ServedStats } from './load.js'

const EVERY_MS = 1000

export function ServerView() {
  const stats = useStats()
  const model = info.value
  return (
    <div class="view">
      <h2>Load</h2>
      {stats ? <Load stats={stats} /> : <p class="hint">{serverState.value === 'away' ? 'The server does not answer.' : 'Asking…'}</p>}
      <h2>Model</h2>
      {model && (
        <dl class="facts">
          <Fact name="Name" value={model.name} />
          <Fact name="Weights" value={`${model.weights}, ${bytes(model.bytes.weights)}`} />
          <Fact name="Arithmetic" value={model.precision} />
          <Fact name="Device" value={`${model.device.id}: ${model.device.name}`} />
          <Fact name="Memory of the device" value={bytes(model.device.totalBytes)} />
          <Fact name="Layers" value={`${model.hyper.nLayers} of width ${model.hyper.dModel}`} />
          <Fact name="Picture codes" value={model.codebookSize === 0 ? 'none: it answers in text only' : String(model.codebookSize)} />
          <Fact name="Cell" value={`${model.scale} pixels a side`} />
          <Fact name="Version of the server" value={schemas.value?.version ?? ''} />
          <Fact name="Fingerprint" value={model.sha256.slice(0, 16)} />
        </dl>
      )}
      <h2>Connection</h2>
      <div class="toolbar">
        <button type="button" onClick={() => void greet()}>
          Ask again
        </button>
        {recall('apiKey') !== undefined && (
          <button type="button" onClick={() => void useKey(undefined)}>
            Forget the API key
          </button>
        )}
        <a href="/docs">The API</a>
      </div>
    </div>
  )
}

function useStats(): ServedStats | undefined {
  const [stats, setStats] = useState<ServedStats>()
  useEffect(() => {
    let gone = false
    let asking = false
    const ask = async (): Promise<void> => {
      if (asking || document.hidden || serverState.value !== 'ready') return
      asking = true
      try {
        const found = await client().stats()
        if (!gone) setStats(found)
      } catch (error) {
        hear(error)
      } finally {
        asking = false
      }
    }
    void ask()
    const timer = setInterval(() => void ask(), EVERY_MS)
    return () => {
      gone = true
      clearInterval(timer)
    }
  }, [serverState.value])
  return stats
}
