// What every row needs: a server with many locks, the fake, the load generator, and ways to sum up.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

import { startServer } from '../js/server.mjs'

export const CONNECTIONS = 64
export const LOCKS = 1000

/** Most locks that one sandbox account holds. */
const ACCOUNT = 10_000

/** How long the server may take to find its locks, and how often it is asked. */
const PATIENCE_MS = 600_000
const POLL_MS = 20

/** How long a program may take to leave once it is told to. */
const LEAVE_MS = 5_000

const programs = process.env.BENCH_PROGRAMS

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
export const milliseconds = (micros) => `${(micros / 1000).toFixed(micros < 1000 ? 2 : 1)} ms`
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`
export const percent = (share) => `${(share * 100).toFixed(1)} %`
export const whole = (number) => Math.round(number).toLocaleString('en-US')

/** Runs one of the programs of `crates/bench`, which prints one line of JSON. */
const run = async (program, ...args) => {
  const { stdout } = await promisify(execFile)(`${programs}/${program}`, args.map(String))
  return JSON.parse(stdout)
}

/** One round of the load generator. */
export const load = async (server, call, seconds, connections = CONNECTIONS) => {
  const result = await run('load', server.endpoint, server.api_key, call, connections, seconds)
  if (result.failed > 0) throw new Error(`${call}: ${result.failed} calls were not answered as wanted`)
  return result
}

/** Rates of the load generator at several nodes at once, with as many connections in all. */
export const loadAll = async (nodes, call, seconds) => {
  const results = await Promise.all(nodes.map((node) => load(node, call, seconds, CONNECTIONS / nodes.length)))
  return results.reduce((sum, one) => sum + one.per_second, 0)
}

/** How long a call takes on a connection that stands. */
export const callTime = async ({ endpoint, api_key }, path, body) => {
  const began = performance.now()
  const response = await fetch(`${endpoint}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api_key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (answer.action_attempt?.status !== 'success') throw new Error(`${path}: ${JSON.stringify(answer)}`)
  return (performance.now() - began) * 1000
}

/** Unlocks over MQTT, by the server and by a bare client in turns. */
export const mqtt = async (server) => await run('mqtt', server.endpoint, server.api_key)

/** The same over Z-Wave. */
export const zwave = async (server) => await run('zwave', server.endpoint, server.api_key)

/** The same over Home Assistant. */
export const homeAssistant = async (server) => await run('home_assistant', server.endpoint, server.api_key)

/** The same over a Matter server. */
export const matter = async (server) => await run('matter', server.endpoint, server.api_key)

/**
 * Deliveries to a webhook beside a bare client, and how long after an unlock a receiver knows. `BENCH_WEBHOOKS="3 10000"` takes
 * less than usual: the seconds of one turn, with 10,000 events each, and how many deliveries wait for the dead receiver.
 */
export const webhooks = async (server) => {
  const amounts = (process.env.BENCH_WEBHOOKS ?? '').split(' ').filter((amount) => amount !== '')
  return await run('webhooks', server.endpoint, server.api_key, server.pid, ...amounts)
}

/** What a figure of `/metrics` says, whatever its labels. */
export const figure = async (server, name) => {
  const page = await (await fetch(`${server.endpoint}/metrics`)).text()
  const lines = page.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** Waits until `holds`, and says after how many milliseconds it did. */
export const until = async (what, holds) => {
  const began = performance.now()
  while (!(await holds())) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`waited in vain until ${what}`)
    await setTimeout(POLL_MS)
  }
  return performance.now() - began
}

/** Whether so many locks were asked for their state since the start, and everything that is known is stored. */
export const areRead = async (server, locks) => {
  const [asked, queue] = [await figure(server, 'thumbturn_lock_reads_total'), await figure(server, 'thumbturn_store_queue')]
  return asked >= locks && queue === 0
}

/** What `use` makes of a server with so many sandbox locks without latency, at most so many on a hub, once it has found them. */
export const withServer = async (locks, use, variables = {}, account = ACCOUNT) => {
  const server = await startServer(variables)
  try {
    for (const { device_id } of server.devices) await server.set(device_id, { latency_ms: 0 })
    const began = performance.now()
    let left = locks - server.devices.length
    while (left > 0) {
      const some = Math.min(left, account)
      const config = { locks: some, latency_ms: 0, seed: left }
      await server.post('/thumbturn/connected_accounts/create', { provider: 'sandbox', config })
      left -= some
    }
    await until(`${locks} locks are found`, async () => (await figure(server, 'thumbturn_locks')) >= locks)
    server.foundMs = performance.now() - began
    await until('all of them were asked for their state', () => areRead(server, locks))
    server.readMs = performance.now() - began
    return await use(server)
  } finally {
    await server.stop()
  }
}

/** What `use` makes of the first line that a program prints; the program ends with it. */
const withProgram = async (program, args, use) => {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    const first = once(createInterface({ input: child.stdout }), 'line')
    const said = await Promise.race([first, ended])
    return await use(String(said[0]))
  } finally {
    child.stdin.end()
    await Promise.race([ended, setTimeout(LEAVE_MS, undefined, { ref: false })])
    child.kill('SIGKILL')
    await ended
  }
}

/** What `use` makes of a fresh fake with so many locks. */
export const withFake = async (locks, use) => {
  const script = new URL('fake.mjs', import.meta.url).pathname
  return await withProgram(process.execPath, [script, String(locks)], async (line) => {
    const endpoint = /listening on (\S+)/.exec(line)?.[1].replace('localhost', '127.0.0.1')
    if (endpoint == null) throw new Error(`the fake did not start: ${line}`)
    return await use({ endpoint, api_key: 'seam_bench_token' })
  })
}

/** What `use` makes of a fresh PostgreSQL's `database_url` and of the servers that write to it naively, by their way. */
export const withPostgres = async (locks, use) =>
  await withProgram(`${programs}/postgres`, [String(locks)], async (line) => {
    const { database_url, endpoints } = JSON.parse(line)
    const naive = Object.entries(endpoints).map(([way, endpoint]) => [way, { endpoint, api_key: 'naive' }])
    return await use(database_url, Object.fromEntries(naive))
  })

export const residentMiB = async (pid) => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) / 1024
}
