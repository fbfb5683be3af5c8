// What the server does: load, rows a pass, reuse, memory, and the model behind it.
import { useEffect, useState } from 'preact/hooks'
import type { SchedulerStats } from 'lumina-dimoo/client'
import { client, greet, hear, info, schemas, serverState, useKey } from '../server/connection.js'
import { recall } from '../kept/settings.js'

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

function useStats(): SchedulerStats | undefined {
  const [stats, setStats] = useState<SchedulerStats>()
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

function Load({ stats }: { readonly stats: SchedulerStats }) {
  const { deviceBytesUsed: used, deviceBytesFree: free } = stats
  return (
    <>
      <dl class="facts">
        <Fact name="Running" value={String(stats.running)} />
        <Fact name="Waiting" value={String(stats.queued)} />
        <Fact name="A new run would wait" value={`${(stats.estimatedWaitMs / 1000).toFixed(1)} s`} />
        <Fact name="Steps a second" value={stats.stepsPerSecond.toFixed(1)} />
        <Fact name="Rows a pass" value={stats.meanRowsPerPass.toFixed(0)} />
        <Fact name="Rows spared by reuse" value={`${(100 * stats.reusedRowRatio).toFixed(1)} %`} />
        <Fact name="Passes" value={`${stats.forwardPasses}, ${(stats.forwardMs / 1000).toFixed(1)} s in the network`} />
        <Fact name="Finished, aborted, failed" value={`${stats.completed}, ${stats.aborted}, ${stats.failed}`} />
      </dl>
      <label class="field">
        <span>
          Memory: {bytes(used)} in use by runs, {bytes(free)} free
        </span>
        <meter min={0} max={Math.max(1, used + free)} value={used} />
      </label>
    </>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let [value, unit] = [count, 0]
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${units[unit]!}`
}
