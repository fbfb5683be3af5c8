// Fields of AUTOMATIC1111's that would change its picture and cannot change ours. Clients send most of them always, at values that ask for
// nothing: those of its own defaults, and of its clients' forms.
import { isObject } from '../../base/realm.js'

/** The one sampler there is. */
export const SAMPLER = 'Discrete diffusion'
/** `scheduler` names them, and they are honoured. */
export const SCHEDULES = ['cosine', 'linear'] as const

type Asks = (value: unknown) => boolean

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
const plain = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value)
/** Anything but nothing and these, in whatever case. */
const except =
  (...harmless: readonly unknown[]): Asks =>
  (value) =>
    !isEmpty(value) && !harmless.some((one) => plain(one) === plain(value))

const sampler = except(SAMPLER, 'Euler', 'Euler a', 'Automatic')
const ANYWHERE: Readonly<Record<string, Asks>> = {
  negative_prompt: except(),
  styles: except(),
  subseed_strength: except(0),
  seed_resize_from_w: except(0, -1),
  seed_resize_from_h: except(0, -1),
  sampler_name: sampler,
  sampler_index: sampler,
  scheduler: except(...SCHEDULES, 'Automatic', 'Normal'),
  eta: except(0, 1),
  s_churn: except(0),
  s_min_uncond: except(0),
  s_noise: except(0, 1),
  s_tmax: except(0),
  s_tmin: except(0),
  clip_skip: except(0, 1),
  enable_hr: except(), // without it nothing else of the second pass has a meaning: in txt2img denoising_strength neither
  firstpass_image: except(),
  refiner_checkpoint: except('None'),
  script_name: except('None'),
  alwayson_scripts: except(),
  infotext: except(),
  tiling: except(),
  restore_faces: except(),
}
const OF_IMG2IMG: Readonly<Record<string, Asks>> = {
  image_cfg_scale: except(0, 1.5),
  initial_noise_multiplier: except(0, 1),
  resize_mode: except(0, 1),
  latent_mask: except(),
}
/** Without a mask an edit keeps what it keeps, at every strength. */
const OF_EDITS: Readonly<Record<string, Asks>> = { denoising_strength: () => true }
/** What a mask shows is drawn anew altogether, in place: at full strength, with hard edges. */
const OF_MASKS: Readonly<Record<string, Asks>> = {
  denoising_strength: except(1),
  inpainting_fill: except(0, 1),
  inpaint_full_res: except(0),
  mask_blur: except(0, 4),
  mask_blur_x: except(0, 4),
  mask_blur_y: except(0, 4),
  mask_round: (value) => value === false || value === 0,
}
const SETTINGS: Readonly<Record<string, Asks>> = {
  CLIP_stop_at_last_layers: except(0, 1),
  sd_vae: except('Automatic', 'None'),
}

/** A sentence each. `model`: the name of the one that draws, which clients may ask for. */
export function ignoredFields(
  given: Readonly<Record<string, unknown>>,
  { task, model }: { readonly task: 'generate' | 'edit' | 'inpaint'; readonly model: string },
): string[] {
  const fields = { generate: {}, edit: { ...OF_IMG2IMG, ...OF_EDITS }, inpaint: { ...OF_IMG2IMG, ...OF_MASKS } }[task]
  const settings = { ...SETTINGS, sd_model_checkpoint: except(model) }
  const override = given['override_settings']
  return [
    ...told(given, { ...ANYWHERE, ...fields }),
    ...(isObject(override) ? told({ ...override }, settings).map((text) => `override_settings.${text}`) : []),
  ]
}

const told = (given: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, Asks>>): string[] =>
  Object.keys(fields)
    .filter((name) => given[name] !== undefined && given[name] !== null && fields[name]!(given[name]))
    .map((name) => `${name} is ignored`)
