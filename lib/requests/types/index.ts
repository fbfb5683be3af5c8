// What a caller may ask of each task, and say about a run. Written by scripts/generate.mjs from the descriptors of lib/requests: change those.
import type { GenerateRequest } from './generate.js'
import type { EditRequest } from './edit.js'
import type { InpaintRequest } from './inpaint.js'
import type { OutpaintRequest } from './outpaint.js'
import type { RetouchRequest } from './retouch.js'
import type { ControlRequest } from './control.js'
import type { PredictRequest } from './predict.js'
import type { SubjectRequest } from './subject.js'
import type { StyleRequest } from './style.js'
import type { ViewRequest } from './view.js'
import type { AskRequest } from './ask.js'
import type { ChatRequest } from './chat.js'

export type * from './groups.js'
export type * from './generate.js'
export type * from './edit.js'
export type * from './inpaint.js'
export type * from './outpaint.js'
export type * from './retouch.js'
export type * from './control.js'
export type * from './predict.js'
export type * from './subject.js'
export type * from './style.js'
export type * from './view.js'
export type * from './ask.js'
export type * from './chat.js'
export type * from './run.js'

/** What each task takes. */
export interface TaskRequests {
  readonly generate: GenerateRequest
  readonly edit: EditRequest
  readonly inpaint: InpaintRequest
  readonly outpaint: OutpaintRequest
  readonly retouch: RetouchRequest
  readonly control: ControlRequest
  readonly predict: PredictRequest
  readonly subject: SubjectRequest
  readonly style: StyleRequest
  readonly view: ViewRequest
  readonly ask: AskRequest
  readonly chat: ChatRequest
}
