// Answers to what went wrong: one form for all routes, the status that the error has, nothing of the server's inside.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { maxHeaderSize } from 'node:http'
import type { Socket } from 'node:net'
import { DimooError } from '../base/errors.js'
import type { App } from './instance.js'
import { routeOf } from './log.js'
import { methodsByPath } from './methods.js'
import { show } from '../base/show.js'
import { notFound, Problem, problemOf } from './problem.js'
import { inWordsOfHttp, inWordsOfOurs, isCbor } from './words.js'

export function answerErrors(app: App): void {
  const methodsOf = methodsByPath(app)
  const missing = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const methods = methodsOf(request.url.replace(/[?#].*$/s, ''))
    if (methods.length === 0) return answer(nothing(request), request, reply)
    void reply.header('allow', methods.join(', '))
    return answer(new Problem(405, 'request/invalid', `${request.method}: this path takes ${methods.join(', ')}`), request, reply)
  }
  // Bodies are read first, also where nobody would take them: that there is nothing matters more than what is wrong with them.
  app.setErrorHandler((error, request, reply) =>
    request.is404 && [400, 415, 422].includes(toProblem(error, request).status) ? missing(request, reply) : answer(error, request, reply),
  )
  app.setNotFoundHandler(missing)
}

const nothing = ({ method }: FastifyRequest): Problem => notFound(`${method}: there is nothing at this path; /docs tells what there is`)

const CLIENT_ERRORS: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', `headers: expected at most ${maxHeaderSize} bytes, got more`],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'body: the extensions of its chunks are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request: it did not come to its end in time'],
}

/** What Node itself refuses, where nothing of HTTP is there to answer with. */
export function answerClientError({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return
  const [status, message] = CLIENT_ERRORS[code ?? ''] ?? ['400 Bad Request', 'request: expected HTTP/1.1, got something else']
  const body = JSON.stringify(new Problem(Number(status.slice(0, 3)), 'request/invalid', message).body)
  const headers = ['content-type: application/json; charset=utf-8', `content-length: ${Buffer.byteLength(body)}`, 'connection: close']
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}

/** What Fastify itself refuses before there is a request. */
export function answerGarbage(error: unknown, reply: FastifyReply): void {
  const { body } = fastifyProblem(error) ?? problemOf(error, 400)
  void reply.code(400).type('application/json').send(JSON.stringify(body))
}

function answer(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request)
  if (problem.status >= 500)
    request.log.error({ route: routeOf(request), status: problem.status, code: problem.code, err: problem.cause ?? problem }, 'failed')
  else request.log.debug({ route: routeOf(request), status: problem.status, code: problem.code, param: problem.param }, 'refused')
  if (problem.status === 503) void reply.header('connection', 'close')
  return reply.code(problem.status).headers(problem.headers).type('application/json; charset=utf-8').send(JSON.stringify(problem.body))
}

/** The problem that an error is on this route. Whoever sends CBOR has a program's values, and reads a program's words. */
export function toProblem(error: unknown, request: FastifyRequest): Problem {
  const problem = problemHere(error, request)
  return isCbor(request) ? problem : problem.inWords(inWordsOfHttp)
}

function problemHere(error: unknown, request: FastifyRequest): Problem {
  const invalid = request.routeOptions.config.openai === true ? 400 : 422
  return validationProblem(error, request, invalid) ?? fastifyProblem(error) ?? problemOf(error, invalid)
}

// Paths and queries are checked by zod.
function validationProblem(error: unknown, request: FastifyRequest, invalid: 400 | 422): Problem | undefined {
  const { validation, validationContext = 'request' } = error as {
    readonly validation?: readonly { readonly instancePath?: string; readonly message?: string }[]
    readonly validationContext?: string
  }
  if (!Array.isArray(validation)) return undefined
  const [first] = validation as readonly { readonly instancePath?: string; readonly message?: string }[]
  const path = (first?.instancePath ?? '').replace(/^\//, '').replaceAll('/', '.')
  const place = { querystring: 'query', params: 'path' }[validationContext] ?? validationContext
  const param = path === '*' ? 'model' : path
  const given = (place === 'query' ? request.query : request.params) as Readonly<Record<string, unknown>> | undefined
  if (place === 'path' && given?.[path] === '') return nothing(request)
  const words = `${param === '' ? 'it' : param} ${inWordsOfOurs(first?.message ?? 'invalid')}, got ${show(given?.[path])}`
  return new Problem(invalid, 'request/invalid', `${place}: ${words}`, { ...(param !== '' && { param }) })
}

const FASTIFY: Readonly<Record<string, readonly [status: number, message: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body: it is larger than this server takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'content-type: expected application/json, application/cbor or multipart/form-data'],
  FST_INVALID_MULTIPART_CONTENT_TYPE: [415, 'content-type: expected multipart/form-data'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'body: its length is not what Content-Length says'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'body: expected JSON, got nothing'],
  FST_ERR_BAD_URL: [400, 'path: it is no well-formed one'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'path: a part of it is too long'],
}

function fastifyProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem || DimooError.is(error)) return undefined
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown }
  if (typeof code !== 'string') return undefined
  const known = FASTIFY[code]
  if (known) return new Problem(known[0], 'request/invalid', known[1])
  // Anything else that a plugin or Node refuses says itself what it is.
  const status = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined
  return status === undefined ? undefined : new Problem(status, 'request/invalid', (error as Error).message)
}
