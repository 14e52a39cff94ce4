// The rows of the table in docs/performance.md. Each says what was found, and whether that reaches what is wanted.

import { sdkUnlocks } from '../js/sdk_unlocks.mjs'
import {
  CONNECTIONS,
  LOCKS,
  areRead,
  callTime,
  figure,
  homeAssistant,
  load,
  loadAll,
  matter,
  median,
  milliseconds,
  mqtt,
  percent,
  residentMiB,
  seconds,
  until,
  webhooks,
  whole,
  withFake,
  withPostgres,
  withServer,
  zwave,
} from './tools.mjs'

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
      const found = { memory: await residentMiB(server.pid), found: server.foundMs, read: server.readMs }
      for (const call of CALLS) {
        const rounds = []
        for (let round = 0; round < ROUNDS; round++) rounds.push((await load(server, call, 3, 1)).median_us)
        found[call] = median(rounds)
      }
      await server.restart()
      found.start = server.startMs
      found.back = server.startMs + (await until('all locks were read back', () => areRead(server, locks)))
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
    notes: [
      `memory with ${whole(MANY_DEVICES)} locks, each with a task of its own: ${whole(many.memory)} MiB`,
      `${whole(MANY_DEVICES)} locks of ten new hubs found after ${seconds(many.found)}, and all of them read after ${seconds(many.read)}`,
      `${whole(LOCKS)} locks found after ${seconds(few.found)}`,
      `a start with ${whole(MANY_DEVICES)} known locks: ready after ${seconds(many.start)}, all of them read back after ${seconds(many.back)}`,
    ],
  }
}

const over = (hub, what) => async () =>
  await withServer(5, async (server) => {
    const { server: ours, bare, before_death: beforeDeath, beside_dead: besideDead } = await hub(server)
    const more = ours.median_us - bare.median_us
    const rows = [
      row(
        what,
        `${milliseconds(ours.median_us)} to ${milliseconds(bare.median_us)}: + ${milliseconds(more)}`,
        atMost('+ 3 ms', 3_000),
        atMost('+ 1 ms', 1_000),
        [more],
      ),
    ]
    const notes = [`99 %: ${milliseconds(ours.p99_us)} to ${milliseconds(bare.p99_us)}`]
    if (besideDead) {
      const slower = besideDead.median_us / beforeDeath.median_us - 1
      rows.push(
        row(
          'the same through the server, four a second, while a lock on the same hub is dead and was asked to unlock',
          `${milliseconds(besideDead.median_us)} to ${milliseconds(beforeDeath.median_us)}: ${slower < 0 ? '-' : '+'} ${percent(Math.abs(slower))}`,
          atMost('+ 10 %', 0.1),
          atMost('+ 5 %', 0.05),
          [slower],
        ),
      )
      const slowest = [besideDead, beforeDeath].map((one) => milliseconds(one.p99_us))
      notes.push(`99 % beside the dead lock: ${slowest[0]} to ${slowest[1]}`)
    }
    return { rows, notes }
  })

const overMqtt = over(mqtt, 'unlock over MQTT beside a bare MQTT client, same broker and simulator')
const overHomeAssistant = over(
  homeAssistant,
  'unlock over Home Assistant beside a bare client, same instance and simulated locks',
)
const overMatter = over(matter, 'unlock over a Matter server beside a bare client, same server and virtual locks')
const overZwave = over(zwave, 'unlock over Z-Wave JS beside a bare client, same server and simulated network')

/** On PostgreSQL with one server, in turns with servers that write each unlock by itself into the same tables. */
const postgres = async () =>
  await withPostgres(LOCKS, async (url, naive) => {
    const use = async (server) => {
      const rounds = []
      for (let round = 0; round < ROUNDS; round++) {
        const bare = {}
        for (const [way, one] of Object.entries(naive)) bare[way] = (await load(one, 'unlock', SECONDS)).per_second
        const [quick, held] = [await load(server, 'unlock-async', SECONDS), await load(server, 'unlock', SECONDS)]
        rounds.push({ bare, quick, held })
      }
      const ratio = (way) => median(rounds.map((one) => one.quick.per_second / one.bare[way]))
      const rate = (of) => whole(median(rounds.map(of)))
      const rows = [
        ['transactions', 'a server that writes each by itself into the same tables: the attempt, and a transaction that ends it with its two events'],
        ['statements', 'the same with a single statement for each of the two'],
      ].map(([way, what]) =>
        row(
          `\`unlock_door\` on PostgreSQL, one server, ${CONNECTIONS} connections, ${whole(LOCKS)} locks, against ${what}, on 16 connections`,
          `${rate((one) => one.quick.per_second)}/s to ${rate((one) => one.bare[way])}/s: ${ratio(way).toFixed(1)} times`,
          atLeast('2.5 times', 2.5),
          { text: '', holds: [() => false] },
          [ratio(way)],
        ),
      )
      const held = (field) => median(rounds.map((one) => one.held[field]))
      const notes = [
        `answered after the end (both commits): ${whole(held('per_second'))}/s, median ${milliseconds(held('median_us'))}, 99 % ${milliseconds(held('p99_us'))}`,
      ]
      return { rows, notes }
    }
    return await withServer(LOCKS, use, { THUMBTURN_DATABASE_URL: url })
  })

/** How many hubs two nodes share, and of how many unlocks of each hub the time is taken. */
const HUBS = 10
const CALLS_EACH = 40

/** Waits until both nodes have hubs, which are shared out anew when a node comes. */
const areShared = async (nodes) =>
  await until('each node has its share of the hubs', async () => {
    const sessions = await Promise.all(nodes.map((node) => figure(node, 'thumbturn_hub_sessions')))
    return sessions.every((count) => count >= HUBS / 2 - 1)
  })

/** The time of an unlock at the node that has the lock's hub, and at the other one: of each hub, in turns. */
const detours = async (server, nodes) => {
  const { devices } = await server.post('/devices/list', { limit: LOCKS })
  const found = []
  for (const hub of new Set(devices.map((device) => device.connected_account_id))) {
    const locks = devices.filter((device) => device.connected_account_id === hub)
    const times = nodes.map(() => [])
    for (let at = 0; at < CALLS_EACH; at++) {
      const { device_id } = locks[at % locks.length]
      for (const [n, node] of nodes.entries()) times[n].push(await callTime(node, '/locks/unlock_door', { device_id }))
    }
    const [near, far] = times.map(median).sort((a, b) => a - b)
    found.push({ near, far })
  }
  return found
}

/** Two nodes on one database against one of them alone, in turns. */
const nodes = async () =>
  await withPostgres(LOCKS, async (url) => {
    const use = async (server) => {
      const [ratios, ways, alone, together] = [[], [], [], []]
      for (let round = 0; round < ROUNDS; round++) {
        alone.push((await load(server, 'unlock-async', SECONDS)).per_second)
        const other = await server.beside()
        const both = [server, other]
        try {
          await areShared(both)
          together.push(await loadAll(both, 'unlock-async', SECONDS))
          if (round === 0) ways.push(...(await detours(server, both)))
        } finally {
          await other.stop()
        }
        ratios.push(together.at(-1) / alone.at(-1))
      }
      const [near, far] = ['near', 'far'].map((which) => median(ways.map((way) => way[which])))
      const more = median(ways.map((way) => way.far - way.near))
      const rows = [
        row(
          `\`unlock_door\` on PostgreSQL at two nodes against one on the same machine, ${CONNECTIONS} connections, ${HUBS} hubs`,
          `${whole(median(together))}/s to ${whole(median(alone))}/s: ${median(ratios).toFixed(2)} times`,
          atLeast('1 times', 1),
          { text: '', holds: [() => false] },
          [median(ratios)],
        ),
        row(
          'an unlock asked of a node that does not have the hub, against the one that has',
          `${milliseconds(far)} to ${milliseconds(near)}: + ${milliseconds(more)}`,
          atMost('+ 5 ms', 5_000),
          { text: '', holds: [() => false] },
          [more],
        ),
      ]
      return { rows, notes: [] }
    }
    const variables = { THUMBTURN_DATABASE_URL: url, THUMBTURN_DATABASE__SEVERAL_NODES: 'true' }
    return await withServer(LOCKS, use, variables, Math.ceil(LOCKS / (HUBS - 1)))
  })


/** To a fast receiver on the same machine; the fake keeps webhooks and sends nothing. */
const hooks = async () => {
  const use = async (server) => {
    const found = await webhooks(server)
    const ratios = found.per_second.map((rate, at) => rate / found.bare_per_second[at])
    const [ratio, { delay, delay_beside_waiting: beside }] = [median(ratios), found]
    const rows = [
      row(
        'events delivered to one fast receiver, against a bare HTTP client on as many connections (16)',
        `${whole(median(found.per_second))}/s to ${whole(median(found.bare_per_second))}/s: ${percent(ratio)}`,
        atLeast('50 %', 0.5),
        { text: '', holds: [() => false] },
        [ratio],
      ),
      row(
        'from the movement of the bolt to the receipt of its event: median; 99 %',
        `${milliseconds(delay.median_us)}; ${milliseconds(delay.p99_us)}`,
        atMost('20 ms (median)', 20_000),
        { text: '', holds: [() => false] },
        [delay.median_us],
      ),
      row(
        `the same with ${whole(found.waiting)} deliveries waiting for a dead receiver: median against without`,
        `${milliseconds(beside.median_us)} to ${milliseconds(delay.median_us)}`,
        atMost('1.3 times', 1.3),
        { text: '', holds: [() => false] },
        [beside.median_us / delay.median_us],
      ),
    ]
    const each = median(found.processor_us.map(([sender]) => sender))
    const both = median(found.processor_us.map(([sender, receiver]) => sender + receiver))
    const notes = [
      `processor time for a delivery: the server's ${each.toFixed(1)} µs, with the receiver's ${both.toFixed(1)} µs; bare, both ends ${median(found.bare_processor_us).toFixed(1)} µs`,
      `the longest delay ${milliseconds(delay.max_us)}; beside the waiting ones 99 % ${milliseconds(beside.p99_us)}, the longest ${milliseconds(beside.max_us)}`,
    ]
    return { rows, notes }
  }
  return await withServer(LOCKS, use, { THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES: 'true' })
}

/** By name, in the order of the table; `isLong`: only on request. */
export const ROWS = {
  rates: { measure: rates },
  long: { measure: long, isLong: true },
  sdk: { measure: sdk },
  share: { measure: share },
  start: { measure: start },
  size: { measure: size },
  mqtt: { measure: overMqtt },
  postgres: { measure: postgres },
  nodes: { measure: nodes },
  zwave: { measure: overZwave },
  home_assistant: { measure: overHomeAssistant },
  matter: { measure: overMatter },
  webhooks: { measure: hooks },
}
