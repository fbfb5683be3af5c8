// Questions about pictures, and conversations: answers appear as they settle, what may still change is dimmed.
import { useRef, useState } from 'preact/hooks'
import { askFields, asked, askTask, askValues, goesOn, putAsk, question, send, system, turns, type Turn } from '../form/ask-draft.js'
import { PresetField } from '../form/preset-field.js'
import { showRefused } from '../form/refused.js'
import { SchemaField } from '../form/schema-field.js'
import { PictureField } from '../pictures/picture-field.js'
import { urlOf } from '../pictures/picture.js'
import type { LiveRun } from '../runs/live-run.js'
import { wordsOf } from '../runs/words.js'
import { defaultsOf } from '../schema/schema.js'
import { info, serverState } from '../server/connection.js'

export function AskView() {
  const [problem, complain] = useState('')
  const form = useRef<HTMLFormElement>(null)
  const submit = (event: Event): void => {
    event.preventDefault()
    try {
      send()
      complain('')
    } catch (error) {
      complain(wordsOf(error))
    }
  }
  const fallbacks = defaultsOf(askTask.value, info.value, askValues.value['preset'])
  return (
    <div class="view ask">
      <ol class="turns" aria-label="Conversation">
        {turns.value.map((turn) => (
          <TurnItem key={turn.run.id} turn={turn} />
        ))}
      </ol>
      {turns.value.length === 0 && (
        <p class="hint">
          Ask about pictures, or just talk. The conversation goes on, and the model sees the pictures that stand in the form.
        </p>
      )}
      <form ref={form} class="form" aria-label="What is asked" onInvalidCapture={showRefused} onSubmit={submit}>
        <div class="field">
          <label for="question">Question</label>
          <textarea
            id="question"
            dir="auto"
            rows={2}
            value={question.value}
            placeholder="What color is the star?"
            onInput={(event) => (question.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
              event.preventDefault()
              form.current!.requestSubmit()
            }}
          />
        </div>
        <PictureField
          label="Pictures"
          hint="What the conversation is about, until they are taken away."
          pictures={asked.value}
          most={16}
          required={false}
          onChange={(pictures) => (asked.value = pictures)}
        />
        {turns.value.length > 0 && (
          <label class="check">
            <input type="checkbox" checked={goesOn.value} onChange={(event) => (goesOn.value = event.currentTarget.checked)} />
            Go on from the answers above
          </label>
        )}
        <PresetField task={askTask.value} value={askValues.value['preset']} onChange={(value) => putAsk('preset', value)} />
        <div class="toolbar">
          <button type="submit" data-submit class="main-action" disabled={serverState.value !== 'ready'}>
            Ask
          </button>
          <button type="button" disabled={turns.value.length === 0} onClick={() => (turns.value = [])}>
            Begin anew
          </button>
        </div>
        {problem !== '' && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <details>
          <summary>Advanced</summary>
          {askTask.value === 'chat' && (
            <div class="field">
              <label for="system">System message</label>
              <textarea id="system" rows={2} value={system.value} onInput={(event) => (system.value = event.currentTarget.value)} />
              <p class="hint">Stands before the conversation.</p>
            </div>
          )}
          {askFields.value.map((field) => (
            <SchemaField
              key={field.name}
              {...field}
              fallback={fallbacks[field.name]}
              value={askValues.value[field.name]}
              onChange={(value) => putAsk(field.name, value)}
            />
          ))}
        </details>
      </form>
    </div>
  )
}

function TurnItem({ turn: { question: words, pictures, run } }: { readonly turn: Turn }) {
  return (
    <li class="turn">
      <div class="question">
        <p dir="auto">{words}</p>
        {pictures.length > 0 && (
          <div class="row">
            {pictures.map((picture, i) => (
              <img key={i} class="thumbnail" src={urlOf(picture)} alt={`Picture ${i + 1} of the question`} />
            ))}
          </div>
        )}
      </div>
      <Answer run={run} />
    </li>
  )
}

function Answer({ run }: { readonly run: LiveRun }) {
  const answer = run.answer.value
  const { text = '', settled = '' } = run.text.value ?? {}
  const over = run.over.value
  return (
    <div class="answer">
      {answer ? (
        <p dir="auto">
          {answer.text === '' ? <span class="hint">(no words)</span> : answer.text}
          {answer.finishReason === 'length' && <span class="hint"> (cut: every reserved token is used)</span>}
        </p>
      ) : (
        <p dir="auto" aria-hidden="true">
          {settled}
          <span class="unsettled">{text.slice(settled.length)}</span>
        </p>
      )}
      {run.problem.value !== '' && <p class="problem">{run.problem.value}</p>}
      {!over && (
        <div class="toolbar">
          <span class="hint">
            {run.progress.value ? `step ${run.progress.value.step + 1} of ${run.progress.value.steps}` : 'waiting for its turn'}
          </span>
          <button type="button" onClick={() => run.cancel()}>
            Cancel
          </button>
        </div>
      )}
      <p class="unseen" role="status">
        {answer ? `Answer: ${answer.text}` : ''}
      </p>
    </div>
  )
}
