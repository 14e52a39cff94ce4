// What every row needs: a server with many locks, the fake, the load generator, and ways to sum up.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { startServer } from '../js/server.mjs'

export const CONNECTIONS = 64
export const LOCKS = 1000

/** Most locks that one sandbox account holds. */
const ACCOUNT = 10_000

const programs = process.env.BENCH_PROGRAMS

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
export const milliseconds = (micros) => `${(micros / 1000).toFixed(micros < 1000 ? 2 : 1)} ms`
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

/** Unlocks over MQTT, by the server and by a bare client in turns. */
export const mqtt = async (server) => await run('mqtt', server.endpoint, server.api_key)

/** What `use` makes of a server with so many sandbox locks without latency. */
export const withServer = async (locks, use) => {
  const server = await startServer()
  try {
    for (const { device_id } of server.devices) await server.set(device_id, { latency_ms: 0 })
    let left = locks - server.devices.length
    while (left > 0) {
      const some = Math.min(left, ACCOUNT)
      const config = { locks: some, latency_ms: 0, seed: left }
      await server.post('/thumbturn/connected_accounts/create', { provider: 'sandbox', config })
      left -= some
    }
    return await use(server)
  } finally {
    await server.stop()
  }
}

/** What `use` makes of a fresh fake with so many locks. */
export const withFake = async (locks, use) => {
  const script = new URL('fake.mjs', import.meta.url).pathname
  const child = spawn(process.execPath, [script, String(locks)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    const first = once(createInterface({ input: child.stdout }), 'line')
    const said = await Promise.race([first, ended])
    const endpoint = /listening on (\S+)/.exec(String(said[0]))?.[1].replace('localhost', '127.0.0.1')
    if (endpoint == null) throw new Error(`the fake did not start: ${said}`)
    return await use({ endpoint, api_key: 'seam_bench_token' })
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

export const residentMiB = async (pid) => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) / 1024
}
