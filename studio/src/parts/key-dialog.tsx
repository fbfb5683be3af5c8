// Asks once for the server's API key; this browser remembers it.
import { useEffect, useRef } from 'preact/hooks'
import { trouble, useKey } from '../server/connection.js'

export function KeyDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby="key-title"
      onCancel={(event) => event.preventDefault()}
      onClose={() => dialog.current?.showModal()} // a second Escape closes it all the same, and nothing works without a key
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault()
          void useKey(input.current!.value.trim())
        }}
      >
        <h2 id="key-title">This server asks for an API key</h2>
        <label for="key">API key</label>
        <input ref={input} id="key" type="password" autocomplete="current-password" required />
        <p class="hint">It is kept in this browser and sent to this server only. Whoever runs the server has one for you.</p>
        {trouble.value !== '' && <p role="alert">{trouble.value}</p>}
        <button type="submit" class="main-action">
          Use this key
        </button>
      </form>
    </dialog>
  )
}
