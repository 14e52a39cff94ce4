// Seam Components (the npm package `@seamapi/react`) in a headless Chromium: a page of another origin shows the locks of
// a Thumbturn server, and clicks move them. No outside host is contacted: whatever asks for one is refused and named.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'

import { chromium } from 'playwright-core'

import { startServer } from '../js/server.mjs'

const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const PATIENCE_MS = 20_000
const limit = { timeout: 60_000 }

const bundle = new URL('node_modules/@seamapi/react/dist/', import.meta.url)
const FILES = { '/elements.js': 'text/javascript', '/index.css': 'text/css' }

const html = (element) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/index.css">
<script>
  globalThis.disableSeamTelemetry = true
  globalThis.disableSeamCssInjection = true
  globalThis.disableSeamFontInjection = true
</script>
<script type="module" src="/elements.js"></script>
${element}`

/** Serves the components and one page, `/?element=…`. */
const startPages = async () => {
  const pages = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname in FILES) {
      response.writeHead(200, { 'content-type': FILES[pathname] })
      response.end(await readFile(new URL(pathname.slice(1), bundle)))
    } else {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(html(searchParams.get('element')))
    }
  })
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  const stop = () => {
    pages.close()
    pages.closeAllConnections()
  }
  return { origin: `http://localhost:${pages.address().port}`, stop }
}

const elementOf = (name, attributes) => {
  const words = Object.entries(attributes).map(([key, value]) => `${key}="${value}"`)
  return `<${name} ${words.join(' ')}></${name}>`
}

let server
let pages
let browser

before(async () => {
  server = await startServer()
  pages = await startPages()
  // The machine's own browser, which finds no other host; its sandbox does not work as root and in many containers.
  const resolver = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking', resolver]
  browser = await chromium.launch({ executablePath: PROGRAM, args })
}, limit)

after(async () => {
  // The server first: as long as it runs, this program does not end.
  await server?.stop()
  pages?.stop()
  await browser?.close()
}, limit)

/** Opens a page with the element. `paths` fills with the calls to the server; `close` judges what else happened. */
const open = async (name, attributes) => {
  const context = await browser.newContext()
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const outside = []
  const paths = []
  const problems = []
  const known = [new URL(server.endpoint).host, new URL(pages.origin).host]
  await page.route('**/*', async (route) => {
    const { host, pathname, protocol } = new URL(route.request().url())
    if (!known.includes(host) && protocol !== 'data:') {
      outside.push(host)
      return await route.abort()
    }
    if (host === known[0]) paths.push(`${route.request().method()} ${pathname}`)
    await route.continue()
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (/CORS|Access-Control/.test(message.text())) problems.push(message.text())
  })
  const element = elementOf(name, { endpoint: server.endpoint, ...attributes })
  await page.goto(`${pages.origin}/?element=${encodeURIComponent(element)}`)
  const close = async () => {
    await context.close()
    assert.deepEqual(outside, [])
    assert.deepEqual(problems, [])
  }
  return { page, paths, close }
}

const account = async () => {
  const { connected_accounts } = await server.post('/connected_accounts/list', {})
  return connected_accounts[0].connected_account_id
}

/** A session that sees everything, for the user. */
const session = async (user_identifier_key) => {
  const connected_account_ids = [await account()]
  const { client_session } = await server.post('/client_sessions/create', { user_identifier_key, connected_account_ids })
  return client_session.token
}

/** Where the bolt of a virtual lock is, and how many commands it has got. */
const physical = async (device_id) => {
  const { sandbox_lock } = await server.post('/thumbturn/sandbox/locks/get', { device_id })
  const { bolt, commands } = sandbox_lock
  return { bolt, commands }
}

/** Clicks the button of an open device; the attempt's status. */
const click = async (page, label) => {
  const answered = page.waitForResponse((response) => /\/locks\/(un)?lock_door$/.test(response.url()))
  await page.getByRole('button', { name: label, exact: true }).click()
  const { action_attempt } = await (await answered).json()
  return action_attempt.status
}

const notice = (page, text) => page.locator('.seam-snackbar-visible').getByText(text)

/** Unlocks and locks the device whose details are open. */
const unlockAndLock = async (page, device_id) => {
  const { bolt, commands } = await physical(device_id)
  assert.equal(bolt, 'locked')
  await page.getByText('Locked', { exact: true }).waitFor()
  assert.equal(await click(page, 'Unlock'), 'success')
  await notice(page, 'Lock status has been successfully updated').waitFor()
  assert.deepEqual(await physical(device_id), { bolt: 'unlocked', commands: commands + 1 })
  await page.getByText('Unlocked', { exact: true }).waitFor()
  assert.equal(await click(page, 'Lock'), 'success')
  assert.deepEqual(await physical(device_id), { bolt: 'locked', commands: commands + 2 })
}

/** Walks from the list of all devices into the details of one, moves its bolt, and goes back. */
const useTable = async (page, { device_id, display_name }) => {
  await page.getByText(`(${server.devices.length})`).waitFor()
  for (const device of server.devices) await page.getByText(device.display_name, { exact: true }).waitFor()
  await page.getByText(display_name, { exact: true }).click()
  await page.locator('.seam-device-details').waitFor()
  await unlockAndLock(page, device_id)
  await page.locator('.seam-back-icon').click()
  await page.getByText(`(${server.devices.length})`).waitFor()
}

describe('Seam Components', () => {
  test('a device table lists the locks and moves one, with a client session', limit, async () => {
    const { page, paths, close } = await open('seam-device-table', { 'client-session-token': await session('jane') })
    await useTable(page, server.devices[0])
    assert.ok(paths.includes('POST /devices/list') && paths.includes('POST /locks/unlock_door'), paths.join())
    assert.ok(paths.includes('GET /thumbturn/images/lock.svg'), 'the picture comes from the server')
    await close()
  })

  test('a device table with a publishable key and a user identifier key', limit, async () => {
    await session('joe')
    const attributes = { 'publishable-key': server.publishable_key, 'user-identifier-key': 'joe' }
    const { page, paths, close } = await open('seam-device-table', attributes)
    await useTable(page, server.devices[1])
    assert.ok(paths.includes('POST /client_sessions/get_or_create'), paths.join())
    await close()
  })

  test('a user to whom nothing was granted sees nothing', limit, async () => {
    const attributes = { 'publishable-key': server.publishable_key, 'user-identifier-key': 'nobody' }
    const { page, close } = await open('seam-device-table', attributes)
    await page.getByText('Sorry, no devices were found').waitFor()
    await close()
  })

  test('the details of one device stand alone', limit, async () => {
    const { device_id, display_name } = server.devices[2]
    const attributes = { 'client-session-token': await session('jim'), 'device-id': device_id }
    const { page, close } = await open('seam-device-details', attributes)
    await page.getByText(display_name, { exact: true }).first().waitFor()
    await unlockAndLock(page, device_id)
    await close()
  })

  test('a jammed lock is shown as a failure, and its bolt has not moved', limit, async () => {
    const { device_id } = server.devices[3]
    await server.set(device_id, { faults: { jam: 1 } })
    const attributes = { 'client-session-token': await session('jack'), 'device-id': device_id }
    const { page, close } = await open('seam-device-details', attributes)
    assert.equal(await click(page, 'Unlock'), 'error')
    await notice(page, 'Failed to update lock status').waitFor()
    assert.notEqual((await physical(device_id)).bolt, 'unlocked')
    await close()
  })

  test('what asks for an outside host is found', limit, async () => {
    const { page, close } = await open('seam-device-table', { 'client-session-token': await session('jill') })
    await page.evaluate(async () => await fetch('https://example.com/').catch(() => {}))
    await assert.rejects(close, /example\.com/)
  })
})
