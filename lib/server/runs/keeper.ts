// Runners whose runs outlive this server: they are not aborted when it ends or nobody listens, and a run that another server began is found
// by its name and followed here.
import type { FastifyRequest } from 'fastify'
import { isRunKeeper, type Runner, type RunKeeper } from '../../runner/runner.js'
import { workOf } from '../../runner/work.js'
import type { RunOptions } from '../../requests/types/index.js'
import type { House } from '../house.js'
import type { Client } from '../keys.js'
import { HeldRun, MAX_EVENT_BYTES } from './held-run.js'

/** Follows a run that this server does not know yet, where one of its runners keeps it. */
export async function adopt(house: House, client: Client, id: string): Promise<void> {
  if (house.registry.knows(client.name, id)) return
  for (const { name, runner } of house.models.all) {
    if (!isRunKeeper(runner)) continue
    const run = await runner.attach(id, client.name === '' ? {} : { tag: client.name })
    if (!run || house.registry.knows(client.name, id)) continue
    const held = new HeldRun(
      {
        id,
        owner: client,
        model: name,
        runner,
        task: run.task,
        work: workOf(run.task, {} as never, undefined),
        pictures: 1,
        warnings: [],
        options: { id },
        detached: true,
        graceMs: house.settings.graceMs,
        maxEventBytes: MAX_EVENT_BYTES,
        start: () => run,
      },
      house.registry,
    )
    house.registry.add(held)
    return
  }
}

/** Before whatever asks after one run. */
export function adopting(house: House): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const { id } = (request.params ?? {}) as { readonly id?: unknown }
    if (request.routeOptions.url?.startsWith('/v1/runs/:id') && typeof id === 'string') await adopt(house, request.client, id)
  }
}

/** Every step, so that each server numbers the same events alike. */
export function keptOptions(runner: Runner | RunKeeper, options: RunOptions): RunOptions {
  return isRunKeeper(runner) && options.delivery !== 'none' ? { ...options, delivery: 'all' } : options
}
