// What each task takes and gives. The table that `run(task, ...)` is typed by.
import type { TaskName, TaskRequests } from '../requests/index.js'
import type { TextTask } from '../requests/text.js'
import type { ImageResult, TextResult } from '../run/result.js'
import type { ImageStep } from '../run/step.js'
import type { TextStep } from '../run/text-step.js'

interface ImageOutput {
  readonly step: ImageStep
  readonly result: ImageResult
}
interface TextOutput {
  readonly step: TextStep
  readonly result: TextResult
}

export type TaskMap = {
  readonly [Task in TaskName]: { readonly request: TaskRequests[Task] } & (Task extends TextTask ? TextOutput : ImageOutput)
}
export type { TaskName }
