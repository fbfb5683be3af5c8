// One measurement: every case file of the model's world, or those asked for, under one setting.
import { writeFileSync } from 'node:fs'
import { measure } from './measure.js'
import type { Judged, Score } from './measure.js'
import { commit, json, machine, open, today } from './open.js'
import { ruleOf } from './rules.js'
import { help, parseOptions } from './settings.js'
import { drawSheet, sheetRows } from './sheet.js'
import { mean } from './statistics.js'

export async function run(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  if (!options) {
    console.log(help)
    return
  }
  const { settings, cases, seed, tasks, kinds, output, sheet } = options
  const { model, files, about, close } = await open(options)
  const rows: Score[] = []
  const shown: Judged[] = []
  for (const file of files) {
    if ((tasks && !tasks.includes(file.task)) || (kinds && !kinds.includes(file.kind))) continue
    const { score, judged } = await measure(model, file, settings, cases, seed)
    const rule = ruleOf(file.cases.slice(0, cases))
    rows.push({ ...score, rule })
    shown.push(...judged.slice(0, 8))
    console.error(
      `${score.task} ${score.kind}: ${score.marks.right.toFixed(2)} +- ${score.error.toFixed(2)} of ${score.cases}; by a rule ${rule.right.toFixed(2)} ${rule.rule}`,
    )
  }
  await close()
  if (rows.length === 0) throw new Error('expected case files of the tasks and kinds asked for, found none')
  const right = Object.fromEntries(
    [...new Set(rows.map(({ task }) => task))].map((task) => [
      task,
      mean(rows.filter((row) => row.task === task).map((row) => row.marks.right)),
    ]),
  )
  const results = json({ machine: machine(), commit: commit(), date: today(), about, settings, seed, right, rows })
  if (output) writeFileSync(output, results)
  else console.log(results)
  if (sheet) writeFileSync(sheet, await drawSheet(sheetRows(shown), options.scale))
}
