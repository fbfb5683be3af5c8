// A given picture: dropped, pasted, chosen from files, or handed over from a result. Several where the task takes several.
import { useId, useState } from 'preact/hooks'
import { shown } from '../schema/schema.js'
import { picturesIn, sizeOf, urlOf, type Given } from './picture.js'

interface Props {
  readonly label: string
  readonly hint: string | undefined
  readonly pictures: readonly Given[]
  readonly most: number
  readonly required: boolean
  readonly onChange: (pictures: readonly Given[]) => void
}

export function PictureField({ label, hint, pictures, most, required, onChange }: Props) {
  const id = useId()
  const [problem, complain] = useState('')
  const [over, hover] = useState(false)
  const take = async (files: readonly File[]): Promise<void> => {
    const sound: File[] = []
    for (const file of files) {
      try {
        await sizeOf(file)
        sound.push(file)
      } catch {
        complain(`${shown(file.name)} is no picture that this browser reads. Take a PNG, JPEG, WebP, GIF or AVIF file.`)
      }
    }
    if (sound.length === 0) return
    complain('')
    onChange(most === 1 ? sound.slice(-1) : [...pictures, ...sound].slice(-most))
  }
  return (
    <div
      class={`field picture-field${over ? ' over' : ''}`}
      data-takes-pictures
      onDragOver={(event) => {
        event.preventDefault()
        hover(true)
      }}
      onDragLeave={() => hover(false)}
      onDrop={(event) => {
        event.preventDefault()
        hover(false)
        void take(picturesIn(event.dataTransfer))
      }}
      onPaste={(event) => void take(picturesIn(event.clipboardData))}
    >
      <label for={id}>
        {label}
        {required && <span class="hint"> (needed)</span>}
      </label>
      {pictures.length > 0 && (
        <ul class="row">
          {pictures.map((picture, i) => (
            <li key={i} class="given">
              <img class="thumbnail" src={urlOf(picture)} alt={picture instanceof File ? picture.name : `${label} ${i + 1}`} />
              <button
                type="button"
                class="quiet"
                aria-label={`Take ${label.toLowerCase()} ${i + 1} away`}
                onClick={() => onChange(pictures.filter((_, at) => at !== i))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        id={id}
        type="file"
        accept="image/*"
        multiple={most > 1}
        aria-describedby={`${id}-hint`}
        onChange={(event) => {
          void take([...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ''
        }}
      />
      <p class="hint" id={`${id}-hint`}>
        {hint} Drop it here, paste it, or choose a file.
      </p>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}

/** Pictures that are pasted anywhere go to the first field that takes some. */
export function listenToPaste(): () => void {
  const hear = (event: ClipboardEvent): void => {
    const field = document.querySelector('[data-takes-pictures]')
    if (!field || picturesIn(event.clipboardData).length === 0 || field.contains(event.target as Node)) return
    event.preventDefault()
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: event.clipboardData, bubbles: false }))
  }
  addEventListener('paste', hear)
  return () => removeEventListener('paste', hear)
}
