// A step as a picture: the model's present guess through the image tokenizer, or as a draft without the network, with the cells that are
// still masked as asked.
import { checkOptions } from '../fields/check.js'
import type { RawImage } from '../fields/values.js'
import { encodeImage } from '../image/encode.js'
import { drawMasked } from '../image/masked.js'
import { drawDraft } from '../image/preview.js'
import { settle } from '../native/job.js'
import { PREVIEW_FIELDS } from '../requests/run-options.js'
import type { PreviewOptions } from '../requests/types/index.js'
import { checkStep, type Draw } from '../run/runs.js'
import type { StepData } from '../run/types.js'
import type { TaskModel } from '../tasks/engine-request.js'

export function drawStep(model: TaskModel): Draw {
  return async (step: StepData, options: PreviewOptions) => {
    checkOptions('decode', options, { fields: PREVIEW_FIELDS })
    checkStep(step)
    const { quality = 'full', masked = 'held', format = 'raw' } = options
    const { tokens, guess, grid } = step
    const drawn = quality === 'full' ? await full(step, model) : await draft(step, model)
    const image = await drawMasked(drawn, tokens, guess, grid, masked)
    return format === 'raw' ? image : encodeImage(image, format)
  }
}

async function full({ guess, grid }: StepData, { native, info }: TaskModel): Promise<RawImage> {
  // A cell without a guess is drawn grey afterwards; its code does not matter.
  const codes = guess.map((code) => Math.max(code, 0))
  const data = await settle(() => native().decodeVq(codes, grid.height, grid.width))
  return { data, width: grid.width * info.scale, height: grid.height * info.scale, channels: 3 }
}

async function draft({ guess, grid }: StepData, { native, previewTable }: TaskModel): Promise<RawImage> {
  native() // throws once closed
  return drawDraft(await previewTable(), guess, grid)
}
