// One process fetches a file, the others wait for it. A lock is a file that exists; its holder touches it every two seconds, so that one
// whose holder was killed is known by its age, or at once where the holder was a process of this machine. Nothing is lost where locks do
// not hold (some network file systems): two writers write the same bytes to the same places.
import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { outputError } from './output-error.js'

const TOUCH_MS = 2000
const STALE_MS = 15_000
const LOOK_MS = 100

interface Holder {
  readonly id: string
  readonly pid: number
  readonly host: string
}

export interface Waiting {
  readonly signal?: AbortSignal | undefined
  /** Called ten times a second while another process holds the lock. `true`: no need for the lock any more. */
  readonly onWait?: () => Promise<boolean>
}

/** Runs `body` while nobody else does; undefined where `onWait` said that there was no need. */
export async function withLock<T>(file: string, body: () => Promise<T>, waiting: Waiting = {}): Promise<T | undefined> {
  const release = await acquire(file, waiting)
  if (!release) return undefined
  try {
    return await body()
  } finally {
    await release()
  }
}

async function acquire(file: string, { signal, onWait }: Waiting): Promise<(() => Promise<void>) | undefined> {
  await mkdir(path.dirname(file), { recursive: true }).catch((error: unknown) => {
    throw outputError(error, file)
  })
  const own: Holder = { id: randomUUID(), pid: process.pid, host: hostname() }
  for (;;) {
    signal?.throwIfAborted()
    if (await create(file, own)) break
    if (await isStale(file)) await removeStale(file)
    else {
      if (await onWait?.()) return undefined
      await sleep(LOOK_MS)
    }
  }
  const timer = setInterval(() => {
    const now = new Date()
    utimes(file, now, now).catch(() => undefined)
  }, TOUCH_MS)
  timer.unref()
  return async () => {
    clearInterval(timer)
    if ((await readHolder(file))?.id === own.id) await rm(file, { force: true })
  }
}

/** Whether somebody holds it who lives. */
export async function isLocked(file: string): Promise<boolean> {
  return (await readHolder(file)) !== undefined && !(await isStale(file))
}

async function create(file: string, own: Holder): Promise<boolean> {
  try {
    const handle = await open(file, 'wx')
    try {
      await handle.writeFile(JSON.stringify(own))
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // On Windows a file that is being removed can be neither made nor opened.
    if (code === 'EEXIST' || (code === 'EPERM' && process.platform === 'win32')) return false
    throw outputError(error, file)
  }
}

async function isStale(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined)
  if (!found) return false
  if (Date.now() - found.mtimeMs > STALE_MS) return true
  const holder = await readHolder(file)
  return holder !== undefined && holder.host === hostname() && !isAlive(holder.pid)
}

// Renamed first: of two who find it stale only one succeeds, and the other does not remove the lock that the first one makes next.
async function removeStale(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  const stale = await readHolder(file)
  await rename(file, aside).catch(() => undefined)
  const taken = await readHolder(aside)
  if (taken && taken.id !== stale?.id) await rename(aside, file).catch(() => undefined)
  await rm(aside, { force: true })
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder
  } catch {
    return undefined // gone, or just made and not written yet
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // it is another user's
  }
}
