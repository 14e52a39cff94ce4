// Measures a built server and prints a table: `cargo xtask bench`. Rates are compared within one run, in turns, because
// machines drift; the comparison is our own route without storage, through the same load generator.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

import { Seam } from 'seam'

import { startServer } from './server.mjs'

const [load] = process.argv.slice(2)
const CONNECTIONS = 64
const SECONDS = 10
const ROUNDS = 3
const LOCKS = 995 // beside the five that every installation has
const SDK_CALLS = 200

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)]
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const milliseconds = (micros) => `${(micros / 1000).toFixed(1)} ms`

const residentMiB = async (pid) => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) / 1024).toFixed(0)
}

/** One round of the load generator. */
const round = async (server, call) => {
  const args = [server.endpoint, server.api_key, call, String(CONNECTIONS), String(SECONDS)]
  const { stdout } = await promisify(execFile)(load, args)
  return JSON.parse(stdout)
}

/** How long the official SDK takes for an unlock of a lock without latency, in microseconds. */
const sdkUnlocks = async (server) => {
  const seam = new Seam({ apiKey: server.api_key, endpoint: server.endpoint })
  const [{ device_id }] = server.devices
  const times = []
  for (let call = 0; call < SDK_CALLS; call++) {
    const started = process.hrtime.bigint()
    const attempt = await seam.locks.unlockDoor({ device_id })
    times.push(Number(process.hrtime.bigint() - started) / 1000)
    if (attempt.result?.was_confirmed_by_device !== true) throw new Error(JSON.stringify(attempt))
  }
  return times
}

const server = await startServer()
try {
  for (const { device_id } of server.devices) await server.set(device_id, { latency_ms: 0 })
  const idle = await residentMiB(server.pid)
  const times = await sdkUnlocks(server)
  await server.post('/thumbturn/connected_accounts/create', {
    provider: 'sandbox',
    config: { locks: LOCKS, latency_ms: 0 },
  })

  const calls = ['health', 'unlock-async', 'unlock']
  const results = Object.fromEntries(calls.map((call) => [call, []]))
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const call of calls) results[call].push(await round(server, call))
  }
  const middle = (call, field) => median(results[call].map((result) => result[field]))
  const failed = calls.flatMap((call) => results[call]).reduce((sum, result) => sum + result.failed, 0)

  row('What', 'Figure')
  row('---', '---')
  row('start to ready, folder already set up', `${server.startMs.toFixed(0)} ms`)
  row('memory, five locks, idle', `${idle} MiB`)
  row(`memory, 1,000 locks, after the load`, `${await residentMiB(server.pid)} MiB`)
  row('`unlockDoor` of the JavaScript SDK, median', milliseconds(median(times)))
  row('`unlockDoor` of the JavaScript SDK, 99 %', milliseconds(percentile(times, 0.99)))
  console.log()
  row('Call', 'per second', 'of the route without storage', 'median', '99 %')
  row('---', '---', '---', '---', '---')
  for (const call of calls) {
    const ratio = median(results[call].map((result, turn) => result.per_second / results.health[turn].per_second))
    const share = `${(ratio * 100).toFixed(0)} %`
    row(call, middle(call, 'per_second'), share, milliseconds(middle(call, 'median_us')), milliseconds(middle(call, 'p99_us')))
  }
  console.log(`\n${failed} requests were not answered as wanted`)
  if (failed > 0) process.exitCode = 1
} finally {
  await server.stop()
}
