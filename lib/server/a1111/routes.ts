// AUTOMATIC1111's routes, for the many front ends that know them: Open WebUI, SillyTavern, LibreChat. Only with `a1111: true`.
import { z } from 'zod'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { anything } from '../native/runs.js'
import { ask, ASKED } from '../openai/asked.js'
import { warn } from '../warnings.js'
import { answer, finished, otherSize, unfinished } from './answer.js'
import { SAMPLER, SCHEDULES } from './ignored.js'
import { Interrupts, lastSteps } from './interrupts.js'
import { drawingOf } from './request.js'

const BODY = z.looseObject({
  prompt: z.string().optional(),
  steps: z.number().optional(),
  cfg_scale: z.number().optional(),
  seed: z.number().optional(),
})

export function a1111Routes(app: App, house: House): void {
  const interrupts = new Interrupts()
  for (const route of ['txt2img', 'img2img'] as const) {
    const summary = route === 'txt2img' ? 'Pictures from a text' : 'Pictures from a picture and a text'
    app.post(
      `/sdapi/v1/${route}`,
      { config: ASKED, schema: { tags: ['a1111'], summary, body: BODY }, validatorCompiler: anything },
      async (request, reply) => {
        const served = house.models.get(undefined)
        const { warnings, ...drawing } = await drawingOf(request.body, route, served, house.settings)
        const asked = await ask(house, request, reply, { served, ...drawing, options: {} })
        const seen = lastSteps(asked.run)
        try {
          const { shown, late } = await finished(asked).catch(async (error: unknown) => {
            if (!interrupts.ended(asked)) throw error
            return unfinished(asked, seen.steps(), drawing, (await served.info()).scale)
          })
          warn(reply, [...warnings, ...asked.run.warnings, ...late, ...(route === 'img2img' ? otherSize(request.body, shown[0]) : [])])
          return await answer(shown, drawing.request, request.body)
        } finally {
          seen.stop()
          asked.done()
        }
      },
    )
  }
  progressRoutes(app, house, interrupts)
  listRoutes(app, house)
}

function progressRoutes(app: App, house: House, interrupts: Interrupts): void {
  // One progress and one button for all of one's runs, as in the web UI.
  const own = (name: string): (typeof house.registry.active extends ReadonlyMap<string, infer Run> ? Run : never)[] =>
    [...house.registry.active.values()].filter((run) => run.owner.name === name)
  app.get('/sdapi/v1/progress', { schema: { tags: ['a1111'], summary: 'How far the run is' } }, async (request) => {
    const runs = own(request.client.name)
    const step = runs.find((run) => run.progress)?.progress
    const [at, steps] = [step ? step.step + 1 : 0, step?.steps ?? 0]
    const left = step && at > 0 ? ((steps - at) * step.elapsedMs) / at / 1000 : 0
    const state = {
      skipped: false,
      interrupted: false,
      job: runs[0]?.task ?? '',
      job_count: runs.length,
      sampling_step: at,
      sampling_steps: steps,
    }
    return { progress: steps === 0 ? 0 : at / steps, eta_relative: left, state, current_image: null, textinfo: null }
  })
  app.post('/sdapi/v1/interrupt', { schema: { tags: ['a1111'], summary: "Aborts one's runs" } }, async (request) => {
    for (const run of own(request.client.name)) interrupts.interrupt(run)
    return {}
  })
}

function listRoutes(app: App, house: House): void {
  const names = (): string[] => house.models.all.map(({ name }) => name)
  const lists: Readonly<Record<string, () => unknown>> = {
    'sd-models': () => names().map((name) => ({ title: name, model_name: name, hash: null, sha256: null, filename: name, config: null })),
    samplers: () => [{ name: SAMPLER, aliases: [], options: {} }],
    schedulers: () => SCHEDULES.map((name) => ({ name, label: name, aliases: null, default_rho: -1, need_inner_model: false })),
    options: () => ({ sd_model_checkpoint: names()[0], samples_format: 'png' }),
    // Nothing of the kind is here; clients ask nevertheless.
    upscalers: () => [],
    'latent-upscale-modes': () => [],
    'sd-vae': () => [],
    loras: () => [],
    embeddings: () => ({ loaded: {}, skipped: {} }),
  }
  for (const [name, list] of Object.entries(lists)) {
    app.get(`/sdapi/v1/${name}`, { schema: { tags: ['a1111'], summary: `The ${name} that there are` } }, async () => list())
  }
  // The model is what was started; nothing can be set.
  const schema = { tags: ['a1111'], summary: 'Takes options, and does nothing with them', body: z.looseObject({}) }
  app.post('/sdapi/v1/options', { schema, validatorCompiler: anything }, async () => ({}))
}
