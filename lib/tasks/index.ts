// From a complete request to what the engine is told, task by task.
import type { Resolved } from '../requests/index.js'
import type { RunOptions } from '../requests/types/index.js'
import type { EngineRequest, TaskModel } from './engine-request.js'
import { generatePrompts, layOutGenerate } from './generate.js'
import { layOutPaint } from './paint.js'
import { chatText, layOutAsk, layOutChat } from './text.js'
import { layOutTransform } from './transform.js'

/** Whether `layOut` answers at once. */
export function isQuick(resolved: Resolved, model: TaskModel): boolean {
  if (resolved.task === 'generate') return !resolved.start && model.coder().isQuick(generatePrompts(resolved, model).conditional)
  return resolved.task === 'chat' && resolved.images.length === 0 && model.coder().isQuick(chatText(resolved, model))
}

/** At once where there is nothing to wait for. Everything in it stops when `signal` is aborted. */
export function layOut(
  resolved: Resolved,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): EngineRequest | Promise<EngineRequest> {
  switch (resolved.task) {
    case 'generate':
      return layOutGenerate(resolved, options, model, signal)
    case 'inpaint':
    case 'outpaint':
    case 'retouch':
      return layOutPaint(resolved, options, model, signal)
    case 'ask':
      return layOutAsk(resolved, options, model, signal)
    case 'chat':
      return layOutChat(resolved, options, model, signal)
    default:
      return layOutTransform(resolved, options, model, signal)
  }
}
