// References, patterns and the environment: what is understood, what is refused and in which words.
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { isSafePath, parseReference, referenceText } from '../../lib/hub/reference.js'
import { select } from '../../lib/hub/select.js'
import { hubSettings } from '../../lib/hub/settings.js'

const COMMIT = 'a'.repeat(40)

test.each([
  ['Alpha-VLLM/Lumina-DiMOO', { repo: 'Alpha-VLLM/Lumina-DiMOO', revision: 'main' }],
  ['hf:o/r@v1.0', { repo: 'o/r', revision: 'v1.0' }],
  [`hf:o/r@${COMMIT}`, { repo: 'o/r', revision: COMMIT }],
  ['hf:o/r@refs/pr/12', { repo: 'o/r', revision: 'refs/pr/12' }],
  ['hf:o/r/q8/x_y.gguf@main', { repo: 'o/r', path: 'q8/x_y.gguf', revision: 'main' }],
  ['https://huggingface.co/o/r', { repo: 'o/r', revision: 'main' }],
  ['https://huggingface.co/o/r/tree/v1', { repo: 'o/r', revision: 'v1' }],
  ['https://huggingface.co/o/r/blob/main/sub/x.gguf?download=true', { repo: 'o/r', path: 'sub/x.gguf', revision: 'main' }],
  ['https://huggingface.co/o/r/tree/refs%2Fpr%2F1', { repo: 'o/r', revision: 'refs/pr/1' }],
])('%s', (text, expected) => {
  expect(parseReference(text)).toEqual(expected)
  expect(parseReference(referenceText(parseReference(text)))).toEqual(expected)
})

test.each([
  '',
  'r',
  'hf:r',
  'o/..',
  'o/r--x',
  '-o/r',
  'o/r.git',
  'o/r/../x',
  'o/r//x',
  'o/r@',
  'o/r@../x',
  'o/r@a b',
  'o r/x',
  'o/r/a\\b',
  'o/r/con',
])('no reference: %j', (text) => {
  expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'request/invalid' }) as Error)
})

test('paths that would lead elsewhere', () => {
  for (const bad of ['', '.', '..', '/a', 'a/', 'a//b', 'a/../b', 'a\\b', 'c:x', 'a ', 'a.', 'NUL.txt', 'x\n'])
    expect(isSafePath(bad), bad).toBe(false)
  for (const good of ['a', 'a/b.c', '.gitattributes', 'a b/c', 'ü.txt', 'nulls']) expect(isSafePath(good), good).toBe(true)
})

describe('patterns', () => {
  const files = ['config.json', 'a.gguf', 'q4/b.gguf', 'vqvae/config.json', 'x[1].txt'].map((name) => ({
    path: name,
    bytes: 1,
    blobId: COMMIT,
  }))
  const chosen = (include: string[]): string[] => select(files, { include }, 'o/r').files.map((file) => file.path)
  test.each([
    [['*.gguf'], ['a.gguf', 'q4/b.gguf']],
    [['?.gguf'], ['a.gguf']],
    [
      ['[ab].gguf', 'vqvae/'],
      ['a.gguf', 'vqvae/config.json'],
    ],
    [['*[!n]'], ['a.gguf', 'q4/b.gguf', 'x[1].txt']],
    [['x[[]1].txt'], ['x[1].txt']],
  ])('%j', (include, expected) => expect(chosen(include)).toEqual(expected))
  test('that fit nothing', () => {
    expect(() => chosen(['*.zip'])).toThrow(/expected one of the repository's files, got no such; it holds a\.gguf, q4\/b\.gguf/)
  })
})

describe('the environment', () => {
  const settings = (env: Record<string, string>): ReturnType<typeof hubSettings> => hubSettings({}, env)
  test('its defaults are those of huggingface_hub', () => {
    const { endpoint, offline, stallMs, token, proxies } = settings({ HF_HOME: '/nowhere' })
    expect({ endpoint, offline, stallMs, token, proxies }).toEqual({
      endpoint: 'https://huggingface.co',
      offline: false,
      stallMs: 10_000,
      token: undefined,
      proxies: { http: undefined, https: undefined, except: undefined },
    })
  })

  test('where the cache is', () => {
    expect(settings({ HF_HOME: '/h' }).cache).toBe(path.resolve('/h/hub'))
    expect(settings({ XDG_CACHE_HOME: '/x' }).cache).toBe(path.resolve('/x/huggingface/hub'))
    expect(settings({ HF_HOME: '$BASE/h', BASE: '/b' }).cache).toBe(path.resolve('/b/h/hub'))
    expect(settings({ HF_HUB_CACHE: '~/c', HF_HOME: '/h' }).cache).toBe(path.join(process.env['HOME'] ?? '', 'c'))
    expect(settings({ HUGGINGFACE_HUB_CACHE: '/old' }).cache).toBe(path.resolve('/old'))
  })

  test('switches, mirrors, proxies', () => {
    expect(settings({ HF_HUB_OFFLINE: '1' }).offline).toBe(true)
    expect(settings({ TRANSFORMERS_OFFLINE: 'yes' }).offline).toBe(true)
    expect(settings({ HF_HUB_OFFLINE: '0' }).offline).toBe(false)
    expect(settings({ HF_ENDPOINT: 'https://mirror.example/hf//' }).endpoint).toBe('https://mirror.example/hf')
    expect(settings({ HTTPS_PROXY: 'proxy:3128', NO_PROXY: 'localhost' }).proxies).toEqual({
      http: undefined,
      https: 'http://proxy:3128',
      except: 'localhost',
    })
    expect(settings({ all_proxy: 'http://a:1', http_proxy: 'http://b:2' }).proxies).toMatchObject({
      http: 'http://b:2',
      https: 'http://a:1',
    })
    expect(settings({ HF_TOKEN: ' t\n' }).token).toBe('t')
    expect(settings({ HF_HUB_DOWNLOAD_TIMEOUT: '30' }).stallMs).toBe(30_000)
  })

  test('an endpoint that is no URL', () => {
    expect(() => settings({ HF_ENDPOINT: 'mirror' })).toThrow(/HF_ENDPOINT must be a URL like https:\/\/huggingface\.co, got 'mirror'/)
  })
})
