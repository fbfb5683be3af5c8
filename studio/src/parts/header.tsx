// Where one can go, and how the server is.
import { info, serverState } from '../server/connection.js'
import { runs } from '../runs/runs.js'
import { place, VIEWS } from './place.js'
import { applyTheme, theme, THEMES, type Theme } from './theme.js'

const STATES = { asking: 'connecting…', ready: '', key: 'a key is needed', away: 'no answer' } as const

export function Header() {
  const going = runs.value.filter((run) => !run.over.value).length
  return (
    <header class="header">
      <h1>
        DiMOO <span>studio</span>
      </h1>
      <nav aria-label="Views">
        {VIEWS.map(({ key, words }) => (
          <a key={key} href={`#${key}`} aria-current={place.value === key ? 'page' : undefined}>
            {words}
            {key === 'runs' && going > 0 && <span class="count"> {going}</span>}
          </a>
        ))}
      </nav>
      <p class={`server-state ${serverState.value}`}>{STATES[serverState.value] || info.value?.name}</p>
      <label class="theme">
        <span class="unseen">Theme</span>
        <select value={theme.value} onChange={(event) => applyTheme(event.currentTarget.value as Theme)}>
          {THEMES.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
    </header>
  )
}
