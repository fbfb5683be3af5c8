// The keys, and what is seen here.
import { KEYS } from '../parts/keys.js'

const WORDS: Readonly<Record<string, string>> = { 'Control+Enter': 'Ctrl + Enter', Escape: 'Esc' }

export function HelpView() {
  return (
    <div class="view help">
      <h2>Keys</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">What it does</th>
          </tr>
        </thead>
        <tbody>
          {KEYS.map(({ keys, does }) => (
            <tr key={keys}>
              <td>
                <kbd>{WORDS[keys] ?? keys}</kbd>
              </td>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        On a picture or a mask the arrows move from cell to cell, space marks one; in the mask Ctrl + Z and Ctrl + Y take changes back and
        forth.
      </p>
      <h2>What is seen here</h2>
      <p>
        A picture is a grid of cells, and each cell holds one code out of a codebook. At first every cell is masked. In each step the model
        guesses all masked cells at once and keeps the guesses that it is surest of; the others stay masked. After the last step every cell
        is decided.
      </p>
      <p>
        That is why one can take part. Marked cells go back to the mask and are decided again in the steps that are left, or in a few more
        where they need them. Pinned cells stay as they are. A fork begins from what was decided at a step, with another seed or prompt. A
        saved run goes on later, here or elsewhere, to the very same picture.
      </p>
      <p>Runs belong to the server and go on when this page is closed; the history belongs to this browser.</p>
    </div>
  )
}
