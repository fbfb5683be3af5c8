#!/usr/bin/env node
// The command `dimoo`. Sets the exit code and lets the process end by itself, so that all output is written.
import { processContext } from './context.js'
import { run } from './program.js'

process.exitCode = await run(process.argv.slice(2), processContext())
