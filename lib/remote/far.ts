// What comes back from a run elsewhere: steps and results without their classes' comfort, and how it ended.
import type { ErrorData } from '../base/errors.js'
import type { RawImage } from '../fields/values.js'
import type { ImageResult, TextResult } from '../run/results.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import type { Data } from '../wire/messages.js'

export type FarStep = Data<ImageStep> | TextStep
export type FarResult = Data<ImageResult> | TextResult

/** How a run ended there. */
export type FarEnd = { readonly result: FarResult } | { readonly error: ErrorData }

/** A step as a picture. */
export type Drawn = RawImage | Uint8Array
