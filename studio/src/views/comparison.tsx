// Two pictures of the history beside each other, or one over the other.
import { useState } from 'preact/hooks'
import type { Kept } from '../kept/history.js'
import { urlOf } from '../pictures/picture.js'
import { nameOf } from '../schema/tasks.js'
import { promptOf } from '../runs/live-run.js'

export function Comparison({ pair, onClose }: { readonly pair: readonly [Kept, Kept]; readonly onClose: () => void }) {
  const [over, lay] = useState(false)
  const [share, setShare] = useState(50)
  const [left, right] = pair.map((kept) => ({ url: urlOf(kept.files![0]!), words: nameOf(kept.task, promptOf(kept.request)) })) as [
    Side,
    Side,
  ]
  return (
    <section class="panel" aria-label="Comparison">
      <div class="toolbar">
        <button type="button" aria-pressed={!over} onClick={() => lay(false)}>
          Side by side
        </button>
        <button type="button" aria-pressed={over} onClick={() => lay(true)}>
          One over the other
        </button>
        {over && (
          <input
            type="range"
            aria-label="How much of the first is shown"
            min={0}
            max={100}
            value={share}
            onInput={(event) => setShare(event.currentTarget.valueAsNumber)}
          />
        )}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      {over ? (
        <div class="laid-over">
          <img src={right.url} alt={right.words} />
          <img src={left.url} alt={left.words} style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }} />
        </div>
      ) : (
        <div class="beside">
          <Figure {...left} />
          <Figure {...right} />
        </div>
      )}
    </section>
  )
}

interface Side {
  readonly url: string
  readonly words: string
}

function Figure({ url, words }: Side) {
  return (
    <figure>
      <img src={url} alt={words} />
      <figcaption class="hint few-lines" dir="auto">
        {words}
      </figcaption>
    </figure>
  )
}
