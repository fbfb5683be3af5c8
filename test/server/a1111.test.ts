// AUTOMATIC1111's routes where they mean what AUTOMATIC1111 does: masks, what is ignored, and what an interrupted run is answered with.
import sharp from 'sharp'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { loadModel } from '../../lib/index.js'
import { ScriptedRunner } from './scripted.js'
import { eventually, serve, type Served } from './world.js'

interface Answer {
  readonly images: readonly string[]
  readonly info: string
}

/** A 64x64 PNG whose left half is `left`, and its right half `right`. */
async function halves(left: string, right: string): Promise<string> {
  const side = (background: string): Promise<Buffer> =>
    sharp({ create: { width: 32, height: 64, channels: 4, background } })
      .png()
      .toBuffer()
  const canvas = sharp({ create: { width: 64, height: 64, channels: 4, background: '#00000000' } })
  const file = canvas.composite([
    { input: await side(left), left: 0, top: 0 },
    { input: await side(right), left: 32, top: 0 },
  ])
  return (await file.png().toBuffer()).toString('base64')
}

const [WHITE, BLACK, CLEAR] = ['#ffffff', '#000000', '#00000000']
let picture: string
beforeAll(async () => {
  picture = await halves('#2040ff', '#20c040')
})

async function pixels(image: string | undefined): Promise<Buffer> {
  return sharp(Buffer.from(image!, 'base64')).removeAlpha().raw().toBuffer()
}

/** The half that differs more from the given picture's: the other one has only been through the image tokenizer. */
async function painted(image: string | undefined): Promise<string> {
  const [made, given] = [await pixels(image), await pixels(picture)]
  const changes = { left: 0, right: 0 }
  made.forEach((value, at) => (changes[Math.floor(at / 3) % 64 < 32 ? 'left' : 'right'] += Math.abs(value - given[at]!)))
  return changes.left > changes.right ? 'left' : 'right'
}

/** The answer of a run that a test ends. */
async function answered({ ask }: Served, runner: ScriptedRunner, route: string, json: object): Promise<Response> {
  const count = runner.runs.length
  const answer = ask(`/sdapi/v1/${route}`, { json })
  await Promise.race([eventually(() => runner.runs.length > count, 'the run'), answer])
  if (runner.runs.length > count) runner.last.finish()
  return answer
}

test('a mask paints the side that AUTOMATIC1111 paints: white or opaque, or the other one where it is inverted', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model, { a1111: true })
  const seen = new Map<string, Buffer>()
  for (const [left, right, invert, expected] of [
    [WHITE, BLACK, undefined, 'left'],
    [WHITE, BLACK, 0, 'left'],
    [WHITE, BLACK, 1, 'right'],
    [BLACK, WHITE, 1, 'left'],
    // Strokes on a canvas: of a mask with transparency, only that counts.
    [BLACK, CLEAR, 0, 'left'],
    [WHITE, CLEAR, 1, 'right'],
  ] as const) {
    const mask = await halves(left, right)
    const json = { prompt: 'a red circle', init_images: [picture], mask, inpainting_mask_invert: invert, steps: 4, seed: 3, cfg_scale: 4 }
    const { images } = (await (await ask('/sdapi/v1/img2img', { json })).json()) as Answer
    expect([left, right, invert, await painted(images[0])]).toEqual([left, right, invert, expected])
    // However it was said, it is the same picture.
    const same = seen.get(expected) ?? (await pixels(images[0]))
    seen.set(expected, same)
    expect([left, right, invert, same.equals(await pixels(images[0]))]).toEqual([left, right, invert, true])
  }
}, 60_000)

test.each([2, -1, 0.5, 'yes', true])('inpainting_mask_invert is 0 or 1, not %j', async (invert) => {
  const runner = new ScriptedRunner()
  const json = { init_images: [picture], mask: await halves(WHITE, BLACK), inpainting_mask_invert: invert }
  const refused = await answered(await serve(runner, { a1111: true }), runner, 'img2img', json)
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'inpainting_mask_invert' } }])
})

test('a mask that is too large is refused before it is read', async () => {
  const runner = new ScriptedRunner()
  const served = await serve(runner, { a1111: true, maxPixels: 4095 })
  const small = (
    await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
  ).toString('base64')
  const json = { init_images: [small], mask: await halves(WHITE, BLACK), inpainting_mask_invert: 1 }
  const refused = await answered(served, runner, 'img2img', json)
  const message = 'inpaint: mask must be of at most 4095 pixels here, got 64 x 64'
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { message } }])
})

const DEFAULTS = {
  // As AUTOMATIC1111's own page of its API shows them, and its clients send them.
  ...{ negative_prompt: '', styles: [], subseed: -1, subseed_strength: 0, seed_resize_from_h: -1, seed_resize_from_w: -1 },
  ...{ sampler_name: 'Euler a', sampler_index: 'Euler', scheduler: 'Automatic', restore_faces: false, tiling: false, clip_skip: 1 },
  ...{ eta: 0, s_churn: 0, s_tmax: 0, s_tmin: 0, s_noise: 1, s_min_uncond: 0, enable_hr: false, hr_scale: 2, hr_upscaler: 'Latent' },
  ...{ override_settings: { CLIP_stop_at_last_layers: 1, sd_vae: 'Automatic', sd_model_checkpoint: 'scripted' }, script_args: [] },
  ...{ refiner_checkpoint: '', refiner_switch_at: 0, script_name: '', alwayson_scripts: {}, infotext: '', send_images: true },
}
const MASKED = {
  ...{ denoising_strength: 1, resize_mode: 0, image_cfg_scale: 0, initial_noise_multiplier: 0, latent_mask: '', mask_blur: 4 },
  ...{ mask_blur_x: 4, mask_blur_y: 4, mask_round: true, inpainting_fill: 1, inpaint_full_res: false, inpaint_full_res_padding: 32 },
}

test.each<[route: string, more: object, warned: readonly string[]]>([
  ['txt2img', { ...DEFAULTS, denoising_strength: 0.7 }, []],
  ['txt2img', { negative_prompt: 'dog', clip_skip: 2, sampler_name: 'DDIM' }, ['negative_prompt', 'sampler_name', 'clip_skip']],
  ['txt2img', { styles: ['x'], subseed_strength: 0.5, scheduler: 'Karras' }, ['styles', 'subseed_strength', 'scheduler']],
  ['txt2img', { enable_hr: true, tiling: true, eta: 0.5 }, ['eta', 'enable_hr', 'tiling']],
  ['txt2img', { override_settings: { sd_model_checkpoint: 'sdxl', sd_vae: 'x' } }, ['sd_vae', 'sd_model_checkpoint'].map(override)],
  ['img2img', { denoising_strength: 0.3 }, ['denoising_strength']],
  ['img2img', { denoising_strength: 0 }, ['denoising_strength']],
  ['img2img', { ...DEFAULTS, mask: true, ...MASKED }, []],
  ['img2img', { mask: true, denoising_strength: 0.75, mask_blur: 8 }, ['denoising_strength', 'mask_blur']],
  ['img2img', { mask: true, mask_round: false, inpaint_full_res: true }, ['inpaint_full_res', 'mask_round']],
  ['img2img', { mask: true, inpainting_fill: 2, resize_mode: 2 }, ['resize_mode', 'inpainting_fill']],
])('%s: what is ignored and would change the picture is told: %j', async (route, more, warned) => {
  const runner = new ScriptedRunner()
  const json: Record<string, unknown> = { prompt: 'x', ...(route === 'img2img' && { init_images: [picture] }), ...more }
  if ('mask' in more) json['mask'] = await halves(WHITE, BLACK)
  const answer = await answered(await serve(runner, { a1111: true }), runner, route, json)
  expect(answer.status).toBe(200)
  const told = warned.map((name) => `299 - "${name} is ignored"`).join(', ')
  expect(answer.headers.get('warning') ?? '').toBe(told)
})

function override(name: string): string {
  return `override_settings.${name}`
}

test('the size of an edit that is not the one asked for is told', async () => {
  const runner = new ScriptedRunner() // its pictures are of 2 x 1 pixels
  const served = await serve(runner, { a1111: true })
  const json = { prompt: 'x', init_images: [picture] }
  const other = await answered(served, runner, 'img2img', { ...json, width: 512, height: 512 })
  expect(other.headers.get('warning')).toBe('299 - "width and height are ignored: the size follows from the given picture, 2x1"')
  const same = await answered(served, runner, 'img2img', { ...json, width: 2, height: 1 })
  expect(same.headers.get('warning')).toBe(null)
})

test('a scheduler that is listed is the schedule', async () => {
  const runner = new ScriptedRunner()
  const served = await serve(runner, { a1111: true })
  const listed = (await (await served.ask('/sdapi/v1/schedulers')).json()) as readonly { readonly name: string }[]
  expect(listed.map(({ name }) => name)).toEqual(['cosine', 'linear'])
  for (const { name } of listed) {
    await answered(served, runner, 'txt2img', { prompt: 'x', scheduler: name })
    expect(runner.last.request).toMatchObject({ schedule: name })
  }
})

test('an interrupted run is answered with its picture as far as it came, and nothing is kept', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { a1111: true })
  const waiting = ask('/sdapi/v1/txt2img', { json: { prompt: 'x', seed: 7 } })
  await eventually(() => runner.runs.length === 1)
  const drawn: unknown[] = []
  runner.last.decode = async (...asked: unknown[]) => {
    drawn.push(...asked)
    return { data: new Uint8Array(12).fill(99), width: 2, height: 2, channels: 3 }
  }
  runner.last.step(4)
  await eventually(async () => ((await (await ask('/sdapi/v1/progress')).json()) as { progress: number }).progress === 0.5)
  expect(drawn).toEqual([]) // nothing is drawn for nothing
  expect((await ask('/sdapi/v1/interrupt', { method: 'POST' })).status).toBe(200)
  const answer = await waiting
  expect([answer.status, answer.headers.get('warning')]).toEqual([200, '299 - "the run was interrupted after step 4 of 8"'])
  const { images, info } = (await answer.json()) as Answer
  expect(drawn).toEqual([expect.objectContaining({ step: 3 }), { quality: 'full' }])
  expect([images.length, [...(await pixels(images[0]))]]).toEqual([1, Array(12).fill(99)])
  expect(JSON.parse(info)).toMatchObject({
    seed: 7,
    all_seeds: [7],
    width: 16,
    height: 8,
    infotexts: [expect.stringContaining('"seed":"7"')],
  })
  expect(await (await ask('/v1/runs')).json()).toMatchObject({ runs: [] })
})

test('before the first step there is no picture; what is not its client is told as before', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { a1111: true })
  const waiting = ask('/sdapi/v1/img2img', { json: { prompt: 'x', seed: 7, init_images: [picture] } })
  await eventually(() => runner.runs.length === 1)
  const other = ask('/v1/images/generations', { json: { prompt: 'x' } })
  await eventually(() => runner.runs.length === 2)
  await ask('/sdapi/v1/interrupt', { method: 'POST' })
  const answer = await waiting
  expect([answer.status, answer.headers.get('warning')]).toEqual([200, '299 - "the run was interrupted before its first step"'])
  const { images, info } = (await answer.json()) as Answer
  expect([images, JSON.parse(info)]).toMatchObject([[], { seed: 7, all_seeds: [], infotexts: [] }])
  expect((await other).status).toBe(409)
})

test('a run that fails by itself is no interrupted one', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { a1111: true })
  const waiting = ask('/sdapi/v1/txt2img', { json: { prompt: 'x' } })
  await eventually(() => runner.runs.length === 1)
  runner.last.step(2)
  runner.last.fail(new DOMException('the run was aborted', 'AbortError'))
  expect((await waiting).status).toBe(409)
})

test('several pictures of a model, interrupted', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model, { a1111: true })
  const waiting = ask('/sdapi/v1/txt2img', {
    json: { prompt: 'a red circle', seed: 7, batch_size: 8, steps: 1000, width: 64, height: 64 },
  })
  await eventually(async () => ((await (await ask('/sdapi/v1/progress')).json()) as { progress: number }).progress > 0.001, 'it', 20_000)
  await ask('/sdapi/v1/interrupt', { method: 'POST' })
  const answer = await waiting
  expect(answer.headers.get('warning')).toMatch(/the run was interrupted after step/)
  const { images, info } = (await answer.json()) as Answer
  expect(JSON.parse(info)).toMatchObject({ all_seeds: [7, 8, 9, 10, 11, 12, 13, 14], width: 64, height: 64 })
  expect(await Promise.all(images.map(async (image) => (await pixels(image)).length))).toEqual(Array(8).fill(64 * 64 * 3))
}, 60_000)
