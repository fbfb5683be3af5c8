// The page: where one is, what the server says, and the view that is shown.
import { useSignalEffect } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { KeyDialog } from './parts/key-dialog.js'
import { Announcer } from './parts/announcer.js'
import { listenToClicks } from './parts/clicks.js'
import { Header } from './parts/header.js'
import { listenToKeys } from './parts/keys.js'
import { place, VIEWS, type Place } from './parts/place.js'
import { applyTheme } from './parts/theme.js'
import { listenToPictures } from './pictures/picture-field.js'
import { findAgain } from './runs/runs.js'
import { greet, serverState, trouble, watchServer } from './server/connection.js'
import { AskView } from './views/ask.js'
import { CreateView } from './views/create.js'
import { HelpView } from './views/help.js'
import { HistoryView } from './views/history.js'
import { RunsView } from './views/runs.js'
import { ServerView } from './views/server.js'

const PAGES: Readonly<Record<Place, ComponentType>> = {
  create: CreateView,
  ask: AskView,
  runs: RunsView,
  history: HistoryView,
  server: ServerView,
  help: HelpView,
}

export function App() {
  useEffect(() => {
    applyTheme()
    void greet()
    const ends = [listenToKeys(), listenToClicks(), listenToPictures(), watchServer()]
    return () => ends.forEach((end) => end())
  }, [])
  useSignalEffect(() => {
    if (serverState.value === 'ready') void findAgain()
  })
  const View = PAGES[place.value]
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault() // the fragment says which view is shown
          document.getElementById('main')!.focus()
        }}
      >
        Skip to the content
      </a>
      <Header />
      {serverState.value === 'away' && (
        <p class="banner" role="alert">
          {trouble.value}
        </p>
      )}
      <main id="main" tabIndex={-1} aria-label={VIEWS.find(({ key }) => key === place.value)?.words}>
        <View />
      </main>
      {serverState.value === 'key' && <KeyDialog />}
      <Announcer />
    </>
  )
}
