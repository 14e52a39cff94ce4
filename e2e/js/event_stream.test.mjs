// Following events over real connections, as `docs/events.md` says, across a restart of the server.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { startServer } from './server.mjs'

const LIMIT_MS = 30_000

let server
before(async () => {
  server = await startServer()
})
after(async () => await server.stop())

/** Each word of the stream, as `{ id, event? }`. */
async function* follow(last) {
  const answer = await fetch(`${server.endpoint}/thumbturn/events/stream`, {
    headers: { authorization: `Bearer ${server.api_key}`, ...(last && { 'last-event-id': last }) },
    signal: AbortSignal.timeout(LIMIT_MS),
  })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  let text = ''
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    const blocks = text.split('\n\n')
    text = blocks.pop()
    for (const block of blocks) {
      const field = (name) => block.split('\n').find((line) => line.startsWith(name))?.slice(name.length)
      const data = field('data: ')
      yield { id: field('id: '), ...(data && { event: JSON.parse(data) }) }
    }
  }
}

/** Unlocks a door while following: what is told up to the movement of the bolt. */
const unlock = async (words, device) => {
  const { action_attempt: attempt } = await server.post('/locks/unlock_door', { device_id: device.device_id })
  assert.equal(attempt.status, 'success')
  const told = []
  for (;;) {
    const { value, done } = await words.next()
    assert.ok(!done, 'the stream ended')
    if (value.event == null) continue
    told.push(value)
    const { event_type: type, action_attempt_id: id } = value.event
    if (type === 'lock.unlocked' && id === attempt.action_attempt_id) return told
  }
}

test('whoever follows over a restart misses nothing and gets nothing twice', async () => {
  const words = follow()
  const { value: hello } = await words.next()
  assert.equal(hello.event, undefined)
  const told = await unlock(words, server.devices[0])
  await server.restart()
  for await (const { event, id } of words) if (event != null) told.push({ event, id })
  // Something happens while nobody follows.
  await server.post('/locks/lock_door', { device_id: server.devices[0].device_id })
  const again = follow(told.at(-1).id)
  told.push(...(await unlock(again, server.devices[1])))
  const { events } = await server.post('/events/list', { since: hello.id })
  assert.deepEqual(
    told.map(({ event }) => event),
    events,
  )
  await again.return()
})
