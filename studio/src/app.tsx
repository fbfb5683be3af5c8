// The page: where one is, what the server says, and the view that is shown.
import { useSignalEffect } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { KeyDialog } from './parts/key-dialog.js'
import { Announcer } from './parts/announcer.js'
import { Header } from './parts/header.js'
import { listenToKeys } from './parts/keys.js'
import { place, VIEWS, type Place } from './parts/place.js'
import { applyTheme } from './parts/theme.js'
import { findAgain } from './runs/runs.js'
import { greet, serverState, trouble } from './server/connection.js'
import { CreateView } from './views/create.js'

const PAGES: Partial<Readonly<Record<Place, ComponentType>>> = { create: CreateView }

export function App() {
  useEffect(() => {
    applyTheme()
    void greet()
    return listenToKeys()
  }, [])
  useSignalEffect(() => {
    if (serverState.value === 'ready') void findAgain()
  })
  const View = PAGES[place.value] ?? CreateView
  return (
    <>
      <a class="skip" href="#main">
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
