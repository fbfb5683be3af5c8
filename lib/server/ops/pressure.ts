// How late the event loop is, for `/readyz` and the metrics. It never turns a request away.
import underPressure from '@fastify/under-pressure'
import type { App } from '../instance.js'

const LATE_MS = 1000

export async function watchPressure(app: App): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: LATE_MS,
    sampleInterval: 1000,
    pressureHandler: () => undefined,
  })
}
