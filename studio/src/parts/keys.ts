// Keys for everything that is done often; the page of help lists them from here. Letters alone act where no text is typed.
import { current } from '../runs/runs.js'
import { hand, showConfidence, showGrid } from '../stage/look.js'
import { go, VIEWS, type Place } from './place.js'

export interface Key {
  readonly keys: string
  readonly does: string
  readonly act: () => void
}

const toggle = (flag: { value: boolean }): void => {
  flag.value = !flag.value
}

const view = (key: string, where: Place): Key => ({
  keys: key,
  does: `Go to ${VIEWS.find((one) => one.key === where)!.words}`,
  act: () => go(where),
})

export const KEYS: readonly Key[] = [
  {
    keys: 'Control+Enter',
    does: 'Generate, also while typing; start the fork that is written',
    // Of the form that is typed in: a fork has its own.
    act: () => {
      const own = document.activeElement?.closest('form')
      if (own) own.requestSubmit()
      else document.querySelector<HTMLButtonElement>('[data-submit]')?.click()
    },
  },
  { keys: '/', does: 'Write the prompt', act: () => document.querySelector<HTMLTextAreaElement>('textarea')?.focus() },
  {
    keys: 'p',
    does: 'Pause the run, or let it go on',
    act: () => {
      const run = current.value
      if (run && !run.over.value) void (run.state.value === 'paused' ? run.continue() : run.pause()).catch(() => undefined)
    },
  },
  { keys: 'Escape', does: 'Stop marking', act: () => (hand.value = 'look') },
  { keys: 'm', does: 'Mark cells', act: () => (hand.value = hand.value === 'mark' ? 'look' : 'mark') },
  { keys: 'k', does: 'Pin cells', act: () => (hand.value = hand.value === 'pin' ? 'look' : 'pin') },
  { keys: 'r', does: 'Send the marked cells back to the mask', act: () => void current.value?.remask().catch(() => undefined) },
  { keys: 'c', does: 'Show how sure the model was', act: () => toggle(showConfidence) },
  { keys: 'g', does: 'Show the grid', act: () => toggle(showGrid) },
  { keys: ',', does: 'One step back', act: () => scrub(-1) },
  { keys: '.', does: 'One step on', act: () => scrub(1) },
  view('1', 'create'),
  view('2', 'ask'),
  view('3', 'runs'),
  view('4', 'history'),
  view('5', 'server'),
  view('?', 'help'),
]

function scrub(by: number): void {
  const run = current.value
  const frames = run?.frames.value[run.shown.value]
  const last = frames?.at(-1)?.step
  if (!run || last === undefined) return
  const next = Math.max(0, (run.at.value ?? last) + by)
  run.at.value = next >= last ? undefined : next
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

/** Until the function that it returns is called. */
export function listenToKeys(): () => void {
  const hear = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return
    const { key, ctrlKey, metaKey, altKey } = event
    if (key === 'Enter' && (ctrlKey || metaKey)) {
      event.preventDefault()
      KEYS[0]!.act()
      return
    }
    if (ctrlKey || metaKey || altKey || typing(event.target)) return
    const found = KEYS.find(({ keys }) => keys === key)
    if (!found) return
    event.preventDefault()
    found.act()
  }
  addEventListener('keydown', hear)
  return () => removeEventListener('keydown', hear)
}
