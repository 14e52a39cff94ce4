// Webhooks with the official client and its verifier, as an application uses them.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, createServer as createListener } from 'node:net'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'

import { Seam, SeamWebhook, SeamWebhookVerificationError } from 'seam'

import { startServer } from './server.mjs'

const limit = { timeout: 60_000 }

/** A port that nobody listens on. */
const freePort = async () => {
  const listener = createListener().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  listener.close()
  await once(listener, 'close')
  return port
}

/** Waits until somebody listens on a port; the test's limit bounds it. */
const listening = async (port) => {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const is = await once(socket, 'connect').then(() => true, () => false)
    socket.destroy()
    if (is) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('webhooks', () => {
  let server, seam, receiver, url
  const received = []
  let heard = () => {}
  let answer = 204

  before(async () => {
    server = await startServer({
      THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES: 'true',
      THUMBTURN_WEBHOOKS__RETRY_DELAYS_MS: '50,50,50',
    })
    seam = new Seam({ apiKey: server.api_key, endpoint: server.endpoint })
    receiver = createServer(async (request, response) => {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(answer).end()
      heard()
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    url = `http://127.0.0.1:${receiver.address().port}/hook`
  }, limit)

  after(async () => {
    receiver?.closeAllConnections()
    receiver?.close()
    await server?.stop()
  }, limit)

  /** Waits until `count` messages came since `from`. */
  const messages = async (from, count) => {
    while (received.length < from + count) await new Promise((resolve) => (heard = resolve))
    return received.slice(from, from + count)
  }

  test('are made, listed, changed and deleted', limit, async () => {
    const webhook = await seam.webhooks.create({ url, event_types: ['lock.unlocked'] })
    assert.match(webhook.secret, /^whsec_/)
    assert.deepEqual(await seam.webhooks.get({ webhook_id: webhook.webhook_id }), webhook)
    assert.deepEqual(await seam.webhooks.list(), [webhook])
    await seam.webhooks.update({ webhook_id: webhook.webhook_id, event_types: ['*'] })
    assert.deepEqual((await seam.webhooks.list())[0].event_types, ['*'])
    await seam.webhooks.delete({ webhook_id: webhook.webhook_id })
    assert.deepEqual(await seam.webhooks.list(), [])
  })

  test('tell of events that the official verifier takes', limit, async () => {
    const webhook = await seam.webhooks.create({ url, event_types: ['lock.unlocked'] })
    const { device_id } = server.devices[0]
    const attempt = await seam.locks.unlockDoor({ device_id })
    const [message] = await messages(0, 1)
    const event = new SeamWebhook(webhook.secret).verify(message.body, message.headers)
    assert.equal(event.event_type, 'lock.unlocked')
    assert.equal(event.action_attempt_id, attempt.action_attempt_id)
    assert.deepEqual(event, await seam.events.get({ event_id: event.event_id }))
    const forged = message.body.replace('unlocked', 'locked')
    assert.throws(() => new SeamWebhook(webhook.secret).verify(forged, message.headers), SeamWebhookVerificationError)
    await seam.webhooks.delete({ webhook_id: webhook.webhook_id })
  })

  test('are taken by the receiver of docs/webhooks.md', limit, async () => {
    const page = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8')
    const [, program] = /```js\n([^]*?)```/.exec(page)
    const port = await freePort()
    const webhook = await seam.webhooks.create({ url: `http://127.0.0.1:${port}/`, event_types: ['lock.unlocked'] })
    const env = { ...process.env, WEBHOOK_SECRET: webhook.secret, PORT: String(port) }
    const args = ['--input-type=module', '--eval', program]
    const child = spawn(process.execPath, args, { env, cwd: dirname(new URL(import.meta.url).pathname), stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await listening(port)
      const line = once(createInterface({ input: child.stdout }), 'line')
      const { device_id } = server.devices[2]
      await seam.locks.unlockDoor({ device_id })
      assert.deepEqual(await line, [`lock.unlocked ${device_id}`])
      const forged = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' })
      assert.equal(forged.status, 400)
    } finally {
      child.kill('SIGKILL')
      await seam.webhooks.delete({ webhook_id: webhook.webhook_id })
    }
  })

  test('are sent again under the same id after a failure', limit, async () => {
    const from = received.length
    const webhook = await seam.webhooks.create({ url, event_types: ['lock.unlocked'] })
    answer = 500
    await seam.locks.unlockDoor({ device_id: server.devices[1].device_id })
    await messages(from, 1)
    answer = 204
    const [first, second] = await messages(from, 2)
    assert.equal(first.headers['svix-id'], second.headers['svix-id'])
    assert.equal(first.body, second.body)
    new SeamWebhook(webhook.secret).verify(second.body, second.headers)
    await seam.webhooks.delete({ webhook_id: webhook.webhook_id })
  })
})
