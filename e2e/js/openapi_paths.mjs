// Asks the server for every path and method of the official OpenAPI document. Each is implemented
// or answers 501 `not_implemented`; none is unknown, none crashes, and all use the envelope. Paths
// that nobody knows answer 404 `not_found`. Prints `N passed, N failed`.

import { openapi } from '@seamapi/types/connect'

import { startServer } from './server.mjs'

// Answers that a request without parameters may get from an implemented endpoint.
const IMPLEMENTED = new Set([200, 400, 401, 403, 404])
const UNKNOWN_PATHS = ['/nothing', '/locks', '/locks/unlock_doors', '/locks/unlock_door/', '/v1/locks/list']

const methodsOf = (operations) => {
  const documented = ['get', 'post', 'put', 'patch', 'delete'].filter((method) => method in operations)
  return [...new Set(['post', ...documented])].map((method) => method.toUpperCase())
}

const ask = async (server, method, path) => {
  const response = await fetch(`${server.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.api_key}`, 'content-type': 'application/json' },
    body: method === 'GET' ? undefined : '{}',
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text }
}

/** What is wrong with the form of an answer, whatever it says. */
const envelopeProblem = ({ status, headers, text }) => {
  if (!headers.get('content-type')?.startsWith('application/json')) return `is ${headers.get('content-type')}`
  if (!headers.get('seam-request-id')) return 'has no seam-request-id'
  const body = JSON.parse(text)
  if (body.ok !== (status === 200)) return `has ok: ${body.ok} with status ${status}`
  if (status === 200) return undefined
  const { type, message } = body.error ?? {}
  return typeof type === 'string' && typeof message === 'string' ? undefined : 'has no error type and message'
}

const knownPathProblem = (answer) => {
  const problem = envelopeProblem(answer)
  if (problem != null) return problem
  const type = JSON.parse(answer.text).error?.type
  if (answer.status === 501) return type === 'not_implemented' ? undefined : `is 501 ${type}`
  if (!IMPLEMENTED.has(answer.status)) return `is ${answer.status} ${type}`
  return type === 'not_found' ? 'is an unknown path' : undefined
}

const unknownPathProblem = (answer) => {
  const problem = envelopeProblem(answer)
  if (problem != null) return problem
  const type = JSON.parse(answer.text).error?.type
  return answer.status === 404 && type === 'not_found' ? undefined : `is ${answer.status} ${type}`
}

const run = async (server) => {
  const known = Object.entries(openapi.paths).flatMap(([path, operations]) =>
    methodsOf(operations).map((method) => ({ method, path, check: knownPathProblem })),
  )
  const unknown = UNKNOWN_PATHS.map((path) => ({ method: 'POST', path, check: unknownPathProblem }))
  let passed = 0
  let implemented = 0
  const problems = []
  for (const { method, path, check } of [...known, ...unknown]) {
    const answer = await ask(server, method, path)
    let problem
    try {
      problem = check(answer)
    } catch (error) {
      problem = `is not readable (${error.message})`
    }
    if (problem == null) passed += 1
    else problems.push(`${method} ${path} ${problem}: ${answer.text.slice(0, 200)}`)
    if (check === knownPathProblem && answer.status !== 501) implemented += 1
  }
  for (const problem of problems) console.log(`FAILED ${problem}`)
  console.log(`${known.length} documented operations, ${implemented} of them implemented`)
  console.log(`${passed} passed, ${problems.length} failed`)
  return problems.length === 0
}

const server = await startServer()
try {
  if (!(await run(server))) process.exitCode = 1
} finally {
  await server.stop()
}
