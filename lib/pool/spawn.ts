// A member's body: a process with a socket to us, or a thread with a port. It runs main.ts and ends when the channel does.
import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageRoot } from '../base/package-root.js'
import { portChannel, socketChannel, type Channel } from '../remote/channel.js'

export interface Body {
  readonly channel: Channel
  /** Of a process. */
  readonly pid: number | undefined
  /** Ends it at once, whatever it does; the channel closes. */
  kill(): void
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<void>
}

// The compiled file, also where the sources run (tests).
const MAIN = path.join(packageRoot, 'dist/pool/main.js')
/** The file descriptor of the socket in the process. */
export const CHANNEL_FD = 3

export function spawnBody(isolation: 'process' | 'thread'): Body {
  return isolation === 'process' ? spawnProcess() : spawnThread()
}

function spawnProcess(): Body {
  const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  const channel = socketChannel(child.stdio[CHANNEL_FD] as Duplex)
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => {
      channel.close()
      resolve()
    })
  })
  return { channel, pid: child.pid, kill: () => void child.kill('SIGKILL'), gone }
}

function spawnThread(): Body {
  const worker = new Worker(MAIN, { stdin: false })
  worker.on('error', () => undefined) // 'exit' follows
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  return { channel: portChannel(worker), pid: undefined, kill: () => void worker.terminate(), gone }
}
