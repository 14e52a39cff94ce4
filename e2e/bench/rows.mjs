// The rows of the table in docs/performance.md. Each says what was found, and whether that reaches what is wanted.

import { sdkUnlocks } from '../js/sdk_unlocks.mjs'
import { CONNECTIONS, LOCKS, load, median, milliseconds, mqtt, percent, residentMiB, whole, withFake, withServer } from './tools.mjs'

const ROUNDS = 3
const SECONDS = 10
const ATTEMPTS = 100_000
const MANY_ATTEMPTS = 1_000_000
const MANY_DEVICES = 100_000
const MINUTE = 60

const row = (what, figure, reach, aim, values) => ({ what, figure, reach: reach.text, aim: aim.text, met: values.map((value, at) => ({ reach: reach.holds[at](value), aim: aim.holds[at](value) })) })
const atLeast = (text, ...limits) => ({ text, holds: limits.map((limit) => (value) => value >= limit) })
const atMost = (text, ...limits) => ({ text, holds: limits.map((limit) => (value) => value <= limit) })

/** Our rates in turns, then the fake's: it looks through all its attempts at each call, so its first minute is its best. */
const rates = async () =>
  await withServer(LOCKS, async (server) => {
    const calls = ['nothing', 'unlock-async', 'unlock']
    const found = Object.fromEntries(calls.map((call) => [call, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const call of calls) found[call].push(await load(server, call, SECONDS))
    }
    const fake = async (seconds) => await withFake(LOCKS, async (fake) => await load(fake, 'unlock-async', seconds))
    const [best, spurt] = [(await fake(MINUTE)).per_second, (await fake(SECONDS)).per_second]
    const ours = median(found['unlock-async'].map((one) => one.per_second))
    const share = median(found['unlock-async'].map((one, at) => one.per_second / found.nothing[at].per_second))
    const rows = [
      row(
        `\`unlock_door\` on disk, ${CONNECTIONS} connections, ${whole(LOCKS)} locks, against the fake in its best minute`,
        `${whole(ours)}/s to ${whole(best)}/s: ${(ours / best).toFixed(1)} times`,
        atLeast('15 times', 15),
        atLeast('30 times', 30),
        [ours / best],
      ),
      row(
        'the same against our own route without storage',
        `${percent(share)} of ${whole(median(found.nothing.map((one) => one.per_second)))}/s`,
        atLeast('25 %', 0.25),
        atLeast('40 %', 0.4),
        [share],
      ),
    ]
    const notes = Object.entries(found).map(([call, results]) => {
      const middle = (field) => median(results.map((one) => one[field]))
      return `${call}: ${whole(middle('per_second'))}/s, median ${milliseconds(middle('median_us'))}, 99 % ${milliseconds(middle('p99_us'))}`
    })
    notes.push(`the fake in its first ${SECONDS} seconds: ${whole(spurt)}/s, ${(ours / spurt).toFixed(1)} times less than ours`)
    return { rows, notes }
  })

/** The first minute, then as many attempts as it takes, then another minute. */
const long = async () =>
  await withServer(LOCKS, async (server) => {
    const first = await load(server, 'unlock-async', MINUTE)
    let attempts = first.calls
    while (attempts < MANY_ATTEMPTS) attempts += (await load(server, 'unlock-async', MINUTE / 3)).calls
    const then = await load(server, 'unlock-async', MINUTE)
    const ratio = then.per_second / first.per_second
    return {
      rows: [
        row(
          `rate after ${whole(attempts)} attempts against the first minute`,
          `${whole(then.per_second)}/s to ${whole(first.per_second)}/s: ${percent(ratio)}`,
          atLeast('within 10 %', 0.9),
          atLeast('within 3 %', 0.97),
          [ratio],
        ),
      ],
      notes: [],
    }
  })

/** The SDK polls by itself where the answer is pending; ours is not. */
const sdk = async () => {
  const ours = await withServer(5, async ({ endpoint, api_key, devices }) => {
    await sdkUnlocks(endpoint, api_key, devices[0].device_id, 20)
    return median(await sdkUnlocks(endpoint, api_key, devices[0].device_id, 200))
  })
  const fake = await withFake(5, async ({ endpoint, api_key }) => {
    const answer = await fetch(`${endpoint}/devices/list`, { headers: { authorization: `Bearer ${api_key}` } })
    const { devices } = await answer.json()
    return median(await sdkUnlocks(endpoint, api_key, devices[0].device_id, 9))
  })
  return {
    rows: [
      row(
        'until `await seam.locks.unlockDoor()` returns in the JavaScript SDK, against the fake',
        `${milliseconds(ours)} to ${milliseconds(fake)}: ${whole(fake / ours)} times sooner`,
        atLeast('20 times', 20),
        atLeast('100 times', 100),
        [fake / ours],
      ),
    ],
    notes: [],
  }
}

/** Latencies less the time from the command to the lock's report, with a request always on its way on each connection. */
const share = async () =>
  await withServer(LOCKS, async (server) => {
    const rounds = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await load(server, 'share', SECONDS))
    const middle = (part, field) => median(rounds.map((one) => one[part][field]))
    const [usual, rare] = [middle('ours', 'median_us'), middle('ours', 'p99_us')]
    return {
      rows: [
        row(
          `our share of the latency at ${CONNECTIONS} connections, at full load: median; 99 %`,
          `${milliseconds(usual)}; ${milliseconds(rare)}`,
          atMost('5 ms; 20 ms', 5_000, 20_000),
          atMost('2 ms; 10 ms', 2_000, 10_000),
          [usual, rare],
        ),
      ],
      notes: [
        `from the acceptance to the command: median ${milliseconds(middle('to_written', 'median_us'))}, 99 % ${milliseconds(middle('to_written', 'p99_us'))}`,
        `from the lock's report to the answer, and the way there and back: median ${milliseconds(middle('from_report', 'median_us'))}, 99 % ${milliseconds(middle('from_report', 'p99_us'))}`,
        `unlocks meanwhile: ${whole(median(rounds.map((one) => one.per_second)))}/s`,
      ],
    }
  })

const start = async () =>
  await withServer(LOCKS, async (server) => {
    const fresh = await residentMiB(server.pid)
    let attempts = 0
    while (attempts < ATTEMPTS) attempts += (await load(server, 'unlock-async', SECONDS / 2)).calls
    const worked = await residentMiB(server.pid)
    const starts = []
    for (let round = 0; round < ROUNDS; round++) {
      await server.restart()
      starts.push(server.startMs)
    }
    const rested = await residentMiB(server.pid)
    return {
      rows: [
        row(
          `start to ready; memory, ${whole(LOCKS)} devices, ${whole(attempts)} attempts just made`,
          `${median(starts).toFixed(0)} ms; ${worked.toFixed(0)} MiB`,
          atMost('150 ms; 60 MB', 150, 60_000_000 / 1_048_576),
          atMost('80 ms; 40 MB', 80, 40_000_000 / 1_048_576),
          [median(starts), worked],
        ),
      ],
      notes: [`memory before the attempts ${fresh.toFixed(0)} MiB, after a restart ${rested.toFixed(0)} MiB`],
    }
  })

const size = async () => {
  const CALLS = ['get', 'page']
  const times = async (locks) =>
    await withServer(locks, async (server) => {
      const found = { memory: await residentMiB(server.pid) }
      for (const call of CALLS) {
        const rounds = []
        for (let round = 0; round < ROUNDS; round++) rounds.push((await load(server, call, 3, 1)).median_us)
        found[call] = median(rounds)
      }
      return found
    })
  const [few, many] = [await times(LOCKS), await times(MANY_DEVICES)]
  const ratios = CALLS.map((call) => many[call] / few[call])
  return {
    rows: [
      row(
        `\`devices/get\`; a page of 100 of \`devices/list\`, at ${whole(MANY_DEVICES)} devices against ${whole(LOCKS)}`,
        CALLS.map((call, at) => `${milliseconds(many[call])} to ${milliseconds(few[call])}: ${ratios[at].toFixed(2)} times`).join('; '),
        atMost('1.3 times', 1.3, 1.3),
        atMost('1.1 times', 1.1, 1.1),
        ratios,
      ),
    ],
    notes: [`memory with ${whole(MANY_DEVICES)} locks, each with a task of its own: ${whole(many.memory)} MiB`],
  }
}

const overMqtt = async () =>
  await withServer(5, async (server) => {
    const { server: ours, bare } = await mqtt(server)
    const more = ours.median_us - bare.median_us
    return {
      rows: [
        row(
          'unlock over MQTT beside a bare MQTT client, same broker and simulator',
          `${milliseconds(ours.median_us)} to ${milliseconds(bare.median_us)}: + ${milliseconds(more)}`,
          atMost('+ 3 ms', 3_000),
          atMost('+ 1 ms', 1_000),
          [more],
        ),
      ],
      notes: [`99 %: ${milliseconds(ours.p99_us)} to ${milliseconds(bare.p99_us)}`],
    }
  })

/** By name, in the order of the table; `isLong`: only on request. */
export const ROWS = {
  rates: { measure: rates },
  long: { measure: long, isLong: true },
  sdk: { measure: sdk },
  share: { measure: share },
  start: { measure: start },
  size: { measure: size },
  mqtt: { measure: overMqtt },
}
