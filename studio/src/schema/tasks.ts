// What draws pictures, in the words of the form; and what a run is called.
import type { TaskName } from 'lumina-dimoo/client'

export const TASKS: readonly { readonly task: TaskName; readonly words: string }[] = [
  { task: 'generate', words: 'From a text' },
  { task: 'edit', words: 'Edit' },
  { task: 'inpaint', words: 'Inpaint' },
  { task: 'outpaint', words: 'Outpaint' },
  { task: 'retouch', words: 'Retouch' },
  { task: 'control', words: 'From a map' },
  { task: 'predict', words: 'Read a map' },
  { task: 'subject', words: 'Subject' },
  { task: 'style', words: 'Style' },
  { task: 'view', words: 'Another view' },
]

/** By its prompt, or by its task. No button but one carries the word Generate of its own. */
export const nameOf = (task: TaskName, prompt: string): string =>
  prompt === '' ? (TASKS.find((one) => one.task === task)?.words ?? 'Question') : prompt
