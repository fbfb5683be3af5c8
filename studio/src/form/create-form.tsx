// What is to be drawn. Made from the task's schema: some fields have widgets of their own, the others stand under Advanced.
import { useRef, useState } from 'preact/hooks'
import type { TaskName } from 'lumina-dimoo/client'
import { chosen, start } from '../runs/runs.js'
import { wordsOf } from '../runs/words.js'
import { drawsPictures, info, schemas, serverState } from '../server/connection.js'
import { defaultsOf, isPicture, isRegion, kindOf, type Schema } from '../schema/schema.js'
import { fields, optionFields, options, put, putOption, sizeNow, takesPrompt, task, text, turnSeed, values } from './draft.js'
import { TASKS } from '../schema/tasks.js'
import { PictureField } from '../pictures/picture-field.js'
import { isGiven } from '../pictures/picture.js'
import { showMask } from '../stage/look.js'
import { cellsOf, pictureFields, slotOf, wholeRequest } from './given.js'
import { PresetField } from './preset-field.js'
import { showRefused } from './refused.js'
import { SchemaField } from './schema-field.js'
import { SeedField } from './seed-field.js'
import { SizeField } from './size-field.js'

/** Shown at once where a task has them. */
const BASIC: readonly string[] = ['steps', 'guidance', 'temperature', 'n', 'bestOf', 'cache']
/** With widgets of their own. */
const OWN: readonly string[] = ['prompt', 'width', 'height', 'aspectRatio', 'seed', 'start', 'preset']
/** What the page itself says about a run. */
const OWN_OPTIONS: readonly string[] = ['id', 'tag', 'previews', 'delivery', 'buffer']

export function CreateForm() {
  const [problem, complain] = useState('')
  const known = fields.value
  const has = (name: string): boolean => known.some((field) => field.name === name)
  const fallbacks = defaultsOf(task.value, info.value, values.value['preset'])
  const plain = known.filter(({ name, schema }) => !OWN.includes(name) && !isPicture(schema) && !isRegion(schema))
  const needed = plain.filter(({ required }) => required)
  const basic = plain.filter(({ name, required }) => BASIC.includes(name) && !required)
  const advanced = plain.filter(({ required }) => !required)
  const busy = useRef(false)
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (busy.current) return
    busy.current = true
    try {
      const request = await wholeRequest()
      const cells = cellsOf(request, sizeNow.value, Number(request['imageArea'] ?? fallbacks['imageArea'] ?? 512))
      const run = start({ task: task.value, request, options: options.value }, cells)
      chosen.value = run.id
      showMask.value = false
      complain('')
      turnSeed(request['seed'])
    } catch (error) {
      complain(wordsOf(error))
    } finally {
      busy.current = false
    }
  }
  return (
    <form class="form" aria-label="What is drawn" onInvalidCapture={showRefused} onSubmit={(event) => void submit(event)}>
      <div class="field">
        <label for="prompt">{task.value === 'edit' ? 'Instruction' : 'Prompt'}</label>
        <textarea
          id="prompt"
          dir="auto"
          rows={3}
          value={text('prompt')}
          placeholder={task.value === 'edit' ? 'What is to change' : 'What the picture is to show'}
          disabled={!takesPrompt.value && schemas.value !== undefined}
          onInput={(event) => put('prompt', event.currentTarget.value)}
        />
      </div>
      <div class="field">
        <label for="task">Task</label>
        <select id="task" value={task.value} onChange={(event) => (task.value = event.currentTarget.value as TaskName)}>
          {TASKS.map((one) => (
            <option key={one.task} value={one.task}>
              {one.words}
            </option>
          ))}
        </select>
        <p class="hint">{(schemas.value?.tasks[task.value].request as Schema | undefined)?.description}</p>
      </div>
      {pictureFields.value.map(({ name, schema, required }) => {
        const slot = slotOf(name)
        const own = values.value[slot]
        return (
          <PictureField
            key={slot}
            label={name === 'style' ? 'Picture with the style' : 'Picture'}
            hint={schema.description}
            pictures={isGiven(own) ? [own] : []}
            most={1}
            required={required}
            onChange={([picture]) => {
              put(slot, picture)
              showMask.value = true
            }}
          />
        )
      })}
      {needed.map((field) => (
        <SchemaField key={field.name} {...field} value={values.value[field.name]} onChange={(value) => put(field.name, value)} />
      ))}
      {has('width') && <SizeField />}
      {has('seed') && <SeedField />}
      {has('preset') && <PresetField task={task.value} value={values.value['preset']} onChange={(value) => put('preset', value)} />}
      <div class="pairs">
        {basic.map((field) => (
          <SchemaField
            key={field.name}
            {...field}
            schema={short(field.schema)}
            fallback={fallbacks[field.name]}
            value={values.value[field.name]}
            onChange={(value) => put(field.name, value)}
          />
        ))}
      </div>
      <details>
        <summary>Advanced</summary>
        {advanced.map((field) => (
          <SchemaField
            key={field.name}
            {...field}
            fallback={fallbacks[field.name]}
            value={values.value[field.name]}
            onChange={(value) => put(field.name, value)}
          />
        ))}
        {has('aspectRatio') && (
          <SchemaField
            {...known.find(({ name }) => name === 'aspectRatio')!}
            value={values.value['aspectRatio']}
            onChange={(value) => put('aspectRatio', value)}
          />
        )}
        {optionFields.value
          .filter(({ name }) => !OWN_OPTIONS.includes(name))
          .map((field) => (
            <SchemaField key={field.name} {...field} value={options.value[field.name]} onChange={(value) => putOption(field.name, value)} />
          ))}
      </details>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {!drawsPictures.value && (
        <p class="problem" role="alert">
          This model answers in text only: it draws no pictures. Load one with an image codebook, or use Ask and chat.
        </p>
      )}
      <button type="submit" data-submit data-once class="main-action" disabled={serverState.value !== 'ready' || !drawsPictures.value}>
        Generate
      </button>
    </form>
  )
}

// Without its sentence, which stands under Advanced; a number alone where several forms are taken.
function short({ description: _, ...schema }: Schema): Schema {
  const number = schema.anyOf?.find((one) => kindOf(one) === 'number')
  if (!number) return schema
  const { description: __, ...rest } = number
  return rest
}
