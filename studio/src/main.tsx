// The studio's door.
import { render } from 'preact'
import { App } from './app.js'
import './styles/base.css'
import './styles/controls.css'
import './styles/layout.css'
import './styles/stage.css'
import './styles/views.css'

render(<App />, document.getElementById('studio')!)
