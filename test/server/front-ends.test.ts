// What LibreChat, Open WebUI and SillyTavern send, written from the field lists in their public sources, is answered.
import { expect, test } from 'vitest'
import { ScriptedRunner } from './scripted.js'
import { serve, type Served } from './world.js'

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGP4jwMwDC0JAJGhv0HwXzFYAAAAAElFTkSuQmCC'

async function answered(served: Served, runner: ScriptedRunner, path: string, body: unknown): Promise<Record<string, unknown>> {
  const count = runner.runs.length
  const asking = served.ask(path, body instanceof FormData ? { method: 'POST', body } : { json: body })
  const answer = await Promise.race([
    asking,
    (async () => {
      while (runner.runs.length === count) await new Promise((resolve) => setTimeout(resolve, 5))
      runner.last.finish()
      return asking
    })(),
  ])
  const found = (await answer.json()) as Record<string, unknown>
  expect([answer.status, found['error']]).toEqual([200, undefined])
  return found
}

test('pictures', async () => {
  const runner = new ScriptedRunner()
  const served = await serve(runner)
  const form = new FormData()
  for (const [name, value] of Object.entries({ model: 'gpt-image-1', prompt: 'make it blue', n: '1', size: '1024x1024', quality: 'auto' }))
    form.set(name, value)
  form.append('image[]', new Blob([Buffer.from(PNG, 'base64')], { type: 'image/png' }), 'image.png')
  for (const [path, body, request] of [
    // LibreChat: api/app/clients/tools/structured/OpenAIImageTools.js and DALLE3.js
    [
      '/v1/images/generations',
      { model: 'gpt-image-1', prompt: 'a cat', n: 1, size: 'auto', quality: 'auto', background: 'auto', output_format: 'png', user: '64f' },
      { prompt: 'a cat', n: 1 },
    ],
    [
      '/v1/images/generations',
      { model: 'dall-e-3', prompt: 'a cat', quality: 'hd', style: 'vivid', size: '1024x1024', n: 1 },
      { prompt: 'a cat', width: 64, height: 64 },
    ],
    // Open WebUI: backend/open_webui/routers/images.py, engines openai and automatic1111
    [
      '/v1/images/generations',
      { model: 'dall-e-2', prompt: 'a cat', n: 2, size: '512x512', response_format: 'b64_json' },
      { prompt: 'a cat', n: 2 },
    ],
    ['/v1/images/edits', form, { prompt: 'make it blue', n: 1 }],
    // SillyTavern: src/endpoints/openai.js and stable-diffusion.js
    [
      '/v1/images/generations',
      { prompt: 'a cat', model: 'gpt-image-1', size: '1024x1536', n: 1, quality: 'medium', moderation: 'low' },
      { prompt: 'a cat' },
    ],
  ] as const) {
    const found = await answered(served, runner, path, body)
    expect(found['data']).toMatchObject([{ b64_json: expect.any(String) as string }, ...('n' in request && request.n === 2 ? [] : [])])
    expect(runner.last.request).toMatchObject(request)
  }
})

test('AUTOMATIC1111, where it is switched on', async () => {
  const runner = new ScriptedRunner()
  expect((await (await serve(runner)).ask('/sdapi/v1/options')).status).toBe(404)
  const served = await serve(runner, { a1111: true })
  const { ask } = served
  for (const name of ['options', 'sd-models', 'samplers', 'schedulers', 'upscalers', 'latent-upscale-modes', 'sd-vae', 'progress'])
    expect((await ask(`/sdapi/v1/${name}`)).status, name).toBe(200)
  expect(await (await ask('/sdapi/v1/sd-models')).json()).toMatchObject([{ title: 'scripted', model_name: 'scripted' }])
  expect((await ask('/sdapi/v1/options', { json: { sd_model_checkpoint: 'scripted' } })).status).toBe(200)
  // Open WebUI, then SillyTavern's stable-diffusion extension.
  const webui = await answered(served, runner, '/sdapi/v1/txt2img', {
    prompt: 'a cat',
    batch_size: 1,
    width: 512,
    height: 512,
    steps: 8,
    negative_prompt: 'dog',
  })
  expect(webui).toMatchObject({ images: [expect.any(String)], info: expect.stringMatching(/"all_seeds":\[1\]/) as string })
  expect(runner.last.request).toMatchObject({ prompt: 'a cat', steps: 8, width: 64, height: 64, n: 1 })
  // A seed that was drawn can be told as a number, and asked for again.
  expect(BigInt((runner.last.request as { seed: string }).seed)).toBeLessThan(2n ** 32n)
  await answered(served, runner, '/sdapi/v1/txt2img', {
    prompt: 'a cat',
    negative_prompt: '',
    sampler_name: 'Euler a',
    scheduler: 'normal',
    steps: 20,
    cfg_scale: 7,
    width: 64,
    height: 64,
    seed: -1,
    n_iter: 1,
    batch_size: 1,
    restore_faces: false,
    enable_hr: false,
    hr_upscaler: 'Latent',
    hr_scale: 2,
    hr_additional_modules: [],
    denoising_strength: 0.7,
    hr_second_pass_steps: 0,
    clip_skip: 1,
    override_settings: { CLIP_stop_at_last_layers: 1, sd_vae: 'Automatic', forge_additional_modules: [] },
    override_settings_restore_afterwards: true,
    save_images: true,
    send_images: true,
    do_not_save_grid: false,
    do_not_save_samples: false,
  })
  expect(runner.last.request).toMatchObject({ prompt: 'a cat', steps: 20, guidance: 7, width: 64, height: 64 })
  await answered(served, runner, '/sdapi/v1/img2img', { prompt: 'blue', init_images: [PNG], mask: PNG, denoising_strength: 0.75, seed: 3 })
  expect([runner.last.task, runner.last.request]).toEqual(['inpaint', expect.objectContaining({ seed: 3, prompt: 'blue' })])
  const interrupted = ask('/sdapi/v1/txt2img', { json: { prompt: 'x' } })
  const count = runner.runs.length
  while (runner.runs.length === count) await new Promise((resolve) => setTimeout(resolve, 5))
  runner.last.step(4)
  while (((await (await ask('/sdapi/v1/progress')).json()) as { progress: number }).progress !== 0.5)
    await new Promise((resolve) => setTimeout(resolve, 5))
  await ask('/sdapi/v1/interrupt', { method: 'POST' })
  expect((await interrupted).status).toBe(200)
  const refused = await ask('/sdapi/v1/txt2img', { json: { prompt: 'x', steps: 'many' } })
  expect([refused.status, await refused.json()]).toEqual([
    400,
    expect.objectContaining({ error: expect.objectContaining({ param: 'steps' }) as object }),
  ])
})
