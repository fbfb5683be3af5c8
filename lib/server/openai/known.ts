// What OpenAI's API knows beside a conversation: the type of every field, which holds of those that we ignore too, and the values of ignored
// ones that ask for nothing else than what is done anyway.
import { isObject } from '../../base/realm.js'
import { show } from '../../base/show.js'
import { badRequest } from '../problem.js'

const RULES = {
  'a string': (value) => typeof value === 'string',
  'a number': (value) => Number.isFinite(value),
  'an integer': (value) => Number.isSafeInteger(value),
  'true or false': (value) => typeof value === 'boolean',
  'an object': isObject,
  'an array': Array.isArray,
  'a string or an object': (value) => typeof value === 'string' || isObject(value),
} as const satisfies Readonly<Record<string, (value: unknown) => boolean>>

const NAMES: Readonly<Record<keyof typeof RULES, string>> = {
  'a string': 'model prompt_cache_key prompt_cache_retention reasoning_effort safety_identifier service_tier truncation user verbosity',
  'a number': 'frequency_penalty min_p presence_penalty repetition_penalty top_p',
  'an integer': 'max_tool_calls top_k top_logprobs',
  'true or false': 'background logprobs parallel_tool_calls store stream',
  'an object':
    'audio logit_bias metadata moderation prediction prompt prompt_cache_options reasoning response_format stream_options text web_search_options',
  'an array': 'context_management functions include modalities tools',
  'a string or an object': 'function_call tool_choice',
}

const TYPES = Object.entries(NAMES).flatMap(([rule, names]) => names.split(' ').map((name) => [name, rule as keyof typeof RULES] as const))

/** Throws 400 for a field of another type than it has at OpenAI. Null counts as not given. */
export function checkTypes(where: string, body: Readonly<Record<string, unknown>>): void {
  for (const [name, rule] of TYPES) checkType(where, name, body[name], rule)
}

/** Throws 400, where the value is given. */
export function checkType(where: string, name: string, value: unknown, rule: keyof typeof RULES): void {
  if (value === undefined || value === null || RULES[rule](value)) return
  throw badRequest(`${where}: ${name} must be ${rule}, got ${show(value)}`, name)
}

export const HARMLESS: Readonly<Record<string, (value: unknown) => boolean>> = {
  frequency_penalty: (value) => value === 0,
  presence_penalty: (value) => value === 0,
  repetition_penalty: (value) => value === 1,
  top_p: (value) => value === 1,
  logprobs: (value) => value === false,
  store: (value) => value === false,
  background: (value) => value === false,
  tools: (value) => Array.isArray(value) && value.length === 0,
  tool_choice: (value) => value === 'auto' || value === 'none',
  parallel_tool_calls: () => true,
  service_tier: (value) => value === 'auto' || value === 'default',
  modalities: (value) => Array.isArray(value) && value.every((one) => one === 'text'),
  truncation: (value) => value === 'disabled',
  include: (value) => Array.isArray(value) && value.length === 0,
}
