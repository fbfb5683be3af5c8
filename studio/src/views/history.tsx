// What was done in this browser: searched, compared, repeated, downloaded, deleted.
import { useEffect, useRef, useState } from 'preact/hooks'
import { fillInQuestion } from '../form/ask-draft.js'
import { fillIn } from '../form/draft.js'
import { allKept, deleteAll, deleteKept, historyChanged, historyTrouble, type Kept } from '../kept/history.js'
import { download, fileName } from '../parts/download.js'
import { go } from '../parts/place.js'
import { promptOf } from '../runs/live-run.js'
import { nameOf } from '../schema/tasks.js'
import { isText } from '../runs/runs.js'
import { urlOf } from '../pictures/picture.js'
import { showMask } from '../stage/look.js'
import { Comparison } from './comparison.js'

/** Shown at once; more on demand. */
const PAGE = 60

export function HistoryView() {
  const [all, setAll] = useState<readonly Kept[]>([])
  const [search, setSearch] = useState('')
  const [chosen, choose] = useState<readonly string[]>([])
  const [count, show] = useState(PAGE)
  const changed = historyChanged.value
  useEffect(() => {
    let gone = false
    void allKept().then((found) => {
      if (!gone) setAll(found)
    })
    return () => {
      gone = true
    }
  }, [changed])
  const found = all.filter((kept) => matches(kept, search))
  const pair = chosen.map((id) => all.find((kept) => kept.id === id)).filter((kept) => kept !== undefined)
  return (
    <div class="view">
      <div class="toolbar">
        <label class="search">
          Search
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        <p class="hint" role="status">
          {found.length} of {all.length} runs. They are kept in this browser only.
        </p>
        <DeleteAll disabled={all.length === 0} />
      </div>
      {historyTrouble.value !== '' && (
        <p class="problem" role="alert">
          {historyTrouble.value}
        </p>
      )}
      {pair.length === 2 && <Comparison pair={pair as [Kept, Kept]} onClose={() => choose([])} />}
      <ul class="history">
        {found.slice(0, count).map((kept) => (
          <HistoryItem
            key={kept.id}
            kept={kept}
            chosen={chosen.includes(kept.id)}
            onChoose={(yes) => choose(yes ? [...chosen, kept.id].slice(-2) : chosen.filter((id) => id !== kept.id))}
          />
        ))}
      </ul>
      {found.length > count && (
        <button type="button" onClick={() => show(count + PAGE)}>
          Show more
        </button>
      )}
    </div>
  )
}

function matches({ task: name, request, seeds = [], text = '' }: Kept, search: string): boolean {
  const within = `${name} ${promptOf(request)} ${seeds.join(' ')} ${text}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word))
}

interface ItemProps {
  readonly kept: Kept
  readonly chosen: boolean
  readonly onChoose: (yes: boolean) => void
}

function HistoryItem({ kept, chosen, onChoose }: ItemProps) {
  const { files = [], seeds = [], text, problem, created } = kept
  const prompt = promptOf(kept.request)
  const name = nameOf(kept.task, prompt)
  return (
    <li class="history-item">
      {files[0] ? (
        <img src={urlOf(files[0])} alt={name} loading="lazy" />
      ) : (
        <div class="no-picture">{(text === '' ? '(no words)' : text) ?? problem ?? kept.state ?? 'not finished'}</div>
      )}
      <p dir="auto" class="few-lines" title={name}>
        {name}
      </p>
      <p class="hint">
        {kept.task}, {new Date(created).toLocaleString()}
        {seeds[0] !== undefined && `, seed ${seeds[0]}`}
      </p>
      <details>
        <summary>Parameters</summary>
        <pre tabIndex={0}>{JSON.stringify(kept.parameters ?? kept.request, shortened, 1)}</pre>
      </details>
      <div class="toolbar">
        <button type="button" aria-label={`Repeat ${name}`} onClick={() => repeat(kept)}>
          Repeat
        </button>
        {files.map((file, i) => (
          <button
            key={i}
            type="button"
            aria-label={`Download ${name}`}
            onClick={() => download(file, fileName(`${prompt} ${seeds[i] ?? ''}`, 'png'))}
          >
            Download
          </button>
        ))}
        {files[0] && (
          <label>
            <input type="checkbox" checked={chosen} onChange={(event) => onChoose(event.currentTarget.checked)} />
            Compare
          </label>
        )}
        <button type="button" class="quiet" aria-label={`Delete ${name}`} onClick={() => void deleteKept(kept.id)}>
          Delete
        </button>
      </div>
    </li>
  )
}

function repeat({ task: name, request, seeds = [] }: Kept): void {
  if (isText(name)) {
    fillInQuestion(request)
    go('ask')
    return
  }
  fillIn(name, { ...request, ...(seeds[0] !== undefined && { seed: seeds[0] }) })
  showMask.value = true
  go('create')
}

// Pixels and codes are no reading.
function shortened(_name: string, value: unknown): unknown {
  if (value instanceof Blob) return `${value.type}, ${value.size} bytes`
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  return value
}

function DeleteAll({ disabled }: { readonly disabled: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => dialog.current!.showModal()}>
        Delete all…
      </button>
      <dialog ref={dialog} aria-labelledby="delete-title">
        <form method="dialog">
          <h2 id="delete-title">Delete the whole history?</h2>
          <p>All pictures and parameters that this browser keeps are gone then. Files that were downloaded stay.</p>
          <div class="toolbar">
            <button type="submit" class="main-action" onClick={() => void deleteAll()}>
              Delete all
            </button>
            <button type="submit">Keep them</button>
          </div>
        </form>
      </dialog>
    </>
  )
}
