// What a caller can say about a run, whatever its task. Plain data, but for the signal.
import { boolean, choice, either, group, integer, local, number, text, type Fields } from '../fields/field.js'

/** Longest that a timer of JavaScript can wait. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

export const PREVIEW_FIELDS: Fields = {
  quality: choice(['draft', 'full'], {
    summary: "'draft' needs no network: one small patch of 4 x 4 pixels per code; 'full' runs the image tokenizer's decoder.",
  }),
  masked: choice(['held', 'blurred', 'grey'], {
    summary: "How cells that are still masked look: the model's present guess, the guess blurred to about a cell, or grey.",
    default: { value: 'held' },
  }),
  format: choice(['raw', 'png', 'jpeg', 'webp'], { summary: 'Pixels, or the bytes of a file.', default: { value: 'raw' } }),
}

export const RUN_FIELDS: Fields = {
  signal: local('signal', "Aborting it frees the run's slot within one unit of work; the run then rejects with `signal.reason`."),
  id: text({
    summary: "The run's name in events and logs; letters, digits and - _ . : only, at most 128.",
    pattern: '(?!\\.{1,2}$)[A-Za-z0-9_.:-]{1,128}', // paths lose '.' and '..': nobody could ask for a run of that name over HTTP
    rule: "1 to 128 letters, digits, '-', '_', '.' and ':', not '.' or '..' alone",
    default: { words: 'one that is unique across processes and threads' },
  }),
  deadlineMs: number(0, LONGEST_TIMER_MS, {
    summary: "From the run's creation, preparation included; what takes longer fails with `run/deadline`.",
    unit: 'milliseconds',
    default: { words: 'none' },
  }),
  priority: integer(-1000, 1000, { summary: 'Larger goes first.', default: { value: 0 } }),
  tag: text({
    summary: 'Key of fair scheduling, and a name for logs and metrics (a tenant, never a prompt).',
    maxBytes: 1024,
    default: { value: '' },
  }),
  previews: either(
    [
      boolean({ summary: 'None.', only: false }),
      group(
        {
          ...PREVIEW_FIELDS,
          every: integer(1, 4096, { summary: 'A preview every so many steps, and of the last.', unit: 'steps', default: { value: 1 } }),
        },
        {
          type: 'StepPreviews',
          summary:
            "Previews that come with the steps, made when the reader takes the step; never on the decoding path. `quality` is 'draft' unless said.",
        },
      ),
    ],
    {
      summary: 'Pictures of the steps (`step.preview`), drafts unless said. Picture tasks only.',
      rule: 'false or {quality, every, masked, format}',
      default: { value: false },
    },
  ),
  delivery: choice(['latest', 'all', 'none'], {
    summary:
      "For readers slower than the model: 'latest' merges the steps that were missed, 'all' queues up to `buffer` and then holds this run only, 'none' delivers no step.",
    default: { value: 'latest' },
  }),
  buffer: integer(1, 4096, { summary: "Steps that wait for the reader under delivery 'all'.", unit: 'steps', default: { value: 1 } }),
}

export const RESUME_FIELDS: Fields = {
  ...RUN_FIELDS,
  exact: boolean({
    summary:
      'Whether only a device that gives the same bits may go on. false: another kind of device, CPU variant or precision of the same model may, and the result says so (`warnings`).',
    default: { value: true },
  }),
}

export const RUN_OPTION_NAMES = Object.keys(RUN_FIELDS)
