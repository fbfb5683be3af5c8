// The tasks by name: one name each, the same as method, `run()` name, command, PNG parameter and event.

export const IMAGE_TASKS = ['generate', 'edit', 'inpaint', 'outpaint', 'retouch', 'control', 'predict', 'subject', 'style', 'view'] as const
export const TEXT_TASKS = ['ask', 'chat'] as const
export const TASKS = [...IMAGE_TASKS, ...TEXT_TASKS] as const

/** Tasks whose result is pictures. */
export type ImageTask = (typeof IMAGE_TASKS)[number]
/** Tasks whose result is a text. */
export type TextTask = (typeof TEXT_TASKS)[number]
/** Any task. */
export type TaskName = ImageTask | TextTask

export function isTask(value: unknown): value is TaskName {
  return (TASKS as readonly unknown[]).includes(value)
}

export function isTextTask(task: TaskName): task is TextTask {
  return (TEXT_TASKS as readonly string[]).includes(task)
}
