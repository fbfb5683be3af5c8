// All runs that this page follows, the newest first: begun here, forked, gone on with from a file, or found again after a reload.
import { computed, signal } from '@preact/signals'
import { taskOfSnapshot, type RunOptions, type TaskName, type TaskRequests } from 'lumina-dimoo/client'
import { client, hear } from '../server/connection.js'
import { keepEnd, keepStart, keptRequest } from '../kept/history.js'
import { LiveRun, type Asked, type RemoteRun } from './live-run.js'

/** How many ended runs keep all their frames, and how many keep anything. */
const WHOLE = 6
const KEPT = 24
/** Above this a draft as PNG is too long to send at every step. */
const MANY_CELLS = 1024

export const runs = signal<readonly LiveRun[]>([])
/** The run on the stage. */
export const chosen = signal<string | undefined>(undefined)
export const current = computed(() => runs.value.find(({ id }) => id === chosen.value))

export interface Wanted {
  readonly task: TaskName
  readonly request: Readonly<Record<string, unknown>>
  readonly options?: Readonly<Record<string, unknown>>
  readonly parent?: Asked['parent']
  readonly steps?: Asked['steps']
}

/** Throws what is wrong with the request where that is seen at once; the run tells the rest. */
export function start({ task, request, options = {}, parent, steps }: Wanted, cells = 0): LiveRun {
  const id = newId()
  const asked: Asked = { id, task, request, created: Date.now(), ...(parent && { parent }), ...(steps !== undefined && { steps }) }
  const previews = { format: cells > MANY_CELLS ? 'webp' : 'png' } as const
  const around: RunOptions = { ...(isText(task) ? {} : { previews }), delivery: 'all', buffer: 4096, ...options, id }
  const run = client().run(task, request as unknown as TaskRequests[TaskName], around) as RemoteRun
  void keepStart(asked)
  return follow(asked, run)
}

/** Goes on from a file; of a text there are no drafts. Throws for what is no snapshot. */
export function goOn(bytes: Uint8Array): LiveRun {
  const id = newId()
  const run = client().resume(bytes, {
    id,
    exact: false,
    ...(isText(taskOfSnapshot(bytes)) ? {} : { previews: { format: 'png' } as const }),
    delivery: 'all',
    buffer: 4096,
  }) as RemoteRun
  const asked: Asked = { id, task: run.task, request: { prompt: '' }, created: Date.now() }
  void keepStart(asked)
  return follow(asked, run)
}

let finding = false

/** Runs that the server still has and this page does not follow: after a reload, or from another tab of this browser. */
export async function findAgain(): Promise<void> {
  if (finding) return
  finding = true
  try {
    const listed = await client().runs()
    for (const summary of listed.slice(0, KEPT).reverse()) {
      if (runs.value.some(({ id }) => id === summary.id) || !summary.detached) continue
      const kept = await keptRequest(summary.id)
      const goesOn = !['done', 'failed', 'aborted'].includes(summary.state)
      if (!kept && !goesOn) continue // somebody else's, and over
      const run = await client().attach(summary.id)
      const asked = kept ?? { id: summary.id, task: summary.task, request: {}, created: summary.created * 1000 }
      const live = follow(asked, run)
      live.state.value = summary.state
      live.priority.value = summary.priority
    }
  } catch (error) {
    hear(error)
  } finally {
    finding = false
  }
}

function follow(asked: Asked, run: RemoteRun): LiveRun {
  const live = new LiveRun(asked, run)
  runs.value = [live, ...runs.value]
  void live.ended.then(async () => {
    if (live.error !== undefined) hear(live.error)
    await keepEnd(live)
    tidy()
  })
  return live
}

/** Takes an ended run off the page. */
export function forget(run: LiveRun): void {
  runs.value = runs.value.filter((one) => one !== run)
  if (chosen.value === run.id) chosen.value = undefined
  run.drop()
}

function tidy(): void {
  const over = runs.value.filter((run) => run.over.value && run.id !== chosen.value)
  for (const run of over.slice(KEPT)) forget(run)
  for (const run of over.slice(WHOLE, KEPT)) run.thin()
}

export const isText = (task: TaskName): boolean => task === 'ask' || task === 'chat'

function newId(): string {
  const words = crypto.getRandomValues(new Uint32Array(3))
  return `studio-${[...words].map((word) => word.toString(36).padStart(7, '0')).join('')}`
}
