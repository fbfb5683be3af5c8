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
    if (files.length === 0) return
    const sound: File[] = []
    const bad: string[] = []
    for (const file of files) {
      try {
        await sizeOf(file)
        sound.push(file)
      } catch {
        bad.push(shown(file.name))
      }
    }
    complain(
      bad.length === 0
        ? ''
        : `${bad.join(', ')} ${bad.length === 1 ? 'is no picture' : 'are no pictures'} that this browser reads. Take a PNG, JPEG, WebP, GIF or AVIF file.`,
    )
    if (sound.length === 0) return
    if (bad.length === 0 && (most === 1 ? 0 : pictures.length) + sound.length > most)
      complain(most === 1 ? 'One picture is taken here: the last one.' : `At most ${most} pictures are taken here: the last ones.`)
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
        event.stopPropagation()
        hover(false)
        void take([...(event.dataTransfer?.files ?? [])])
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

/**
 * Pictures that are pasted or dropped anywhere go to the first field that takes some. A file that nothing takes is let fall: a browser
 * would leave the page for it.
 */
export function listenToPictures(): () => void {
  const first = (): Element | null => document.querySelector('[data-takes-pictures]')
  const paste = (event: ClipboardEvent): void => {
    const field = first()
    if (!field || picturesIn(event.clipboardData).length === 0 || field.contains(event.target as Node)) return
    event.preventDefault()
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: event.clipboardData, bubbles: false }))
  }
  const over = (event: DragEvent): void => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
  }
  const drop = (event: DragEvent): void => {
    if (event.defaultPrevented || (event.dataTransfer?.files.length ?? 0) === 0) return
    event.preventDefault()
    first()?.dispatchEvent(new DragEvent('drop', { dataTransfer: event.dataTransfer, bubbles: false, cancelable: true }))
  }
  addEventListener('paste', paste)
  addEventListener('dragover', over)
  addEventListener('drop', drop)
  return () => {
    removeEventListener('paste', paste)
    removeEventListener('dragover', over)
    removeEventListener('drop', drop)
  }
}
