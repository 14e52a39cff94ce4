// The official command line, which builds its commands from our own `/openapi.json` (`--remote-schema`), so that it
// works without a route to anywhere else. It needs a newer Node than Debian has; an npm package brings one.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { startServer } from '../js/server.mjs'

const here = new URL('.', import.meta.url).pathname
const brought = join(here, `node_modules/node-linux-${process.arch}/bin/node`)
const node = existsSync(brought) ? brought : process.execPath
const program = join(here, 'node_modules/@seamapi/cli/bin/cli.js')

let server
let home

before(async () => {
  server = await startServer()
  home = await mkdtemp(join(tmpdir(), 'thumbturn-cli-'))
})

after(async () => {
  await server?.stop()
  if (home != null) await rm(home, { recursive: true, force: true })
})

/** Runs one command as somebody without any configuration; `code`, and `out` as JSON where it is JSON. */
const seam = async (command, env = {}) =>
  await new Promise((resolve, reject) => {
    const settings = { SEAM_CLI_ENDPOINT: server.endpoint, SEAM_CLI_TOKEN: server.api_key, ...env }
    const options = { env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, ...settings }, timeout: 60_000 }
    const child = execFile(node, [program, ...command.split(' '), '--remote-schema'], options, (error, out, err) => {
      if (error != null && typeof error.code !== 'number') return reject(error)
      const json = out.indexOf('{')
      resolve({ code: error?.code ?? 0, text: out + err, body: json < 0 ? null : JSON.parse(out.slice(json)) })
    })
    child.stdin.end()
  })

describe('Seam CLI 0.42, with our own schema', () => {
  it('unlocks and locks a door', async () => {
    const [{ device_id }] = server.devices
    for (const [command, type] of [['unlock-door', 'UNLOCK_DOOR'], ['lock-door', 'LOCK_DOOR']]) {
      const { code, body, text } = await seam(`locks ${command} --device-id ${device_id}`)
      assert.equal(code, 0, text)
      const { action_attempt_id, ...attempt } = body.action_attempt
      const result = { was_confirmed_by_device: true }
      assert.deepEqual(attempt, { action_type: type, status: 'success', result, error: null })
      const again = await seam(`action-attempts get --action-attempt-id ${action_attempt_id}`)
      assert.deepEqual(again.body.action_attempt, body.action_attempt)
    }
  })

  it('lists devices by filter, page by page', async () => {
    const { body } = await seam('devices list --limit 2 --manufacturer august')
    assert.deepEqual(body.devices.map((device) => device.display_name), ['Front Door'])
    assert.deepEqual(body.pagination, { has_next_page: false, next_page_cursor: null, next_page_url: null })
  })

  it('changes a device', async () => {
    const [, { device_id }] = server.devices
    const { code, text } = await seam(`devices update --device-id ${device_id} --name Suite`)
    assert.equal(code, 0, text)
    assert.equal((await seam(`devices get --device-id ${device_id}`)).body.device.nickname, 'Suite')
  })

  it('knows workspaces, accounts, sessions, events and health', async () => {
    assert.equal((await seam('workspaces get')).body.workspace.workspace_id, server.workspace_id)
    assert.equal((await seam('connected-accounts list')).body.connected_accounts.length, 1)
    const made = await seam('client-sessions create --user-identifier-key u')
    assert.match(made.body.client_session.token, /^seam_cst1/)
    const events = await seam('events list --since 2020-01-01T00:00:00Z --event-type device.added')
    assert.equal(events.body.events.length, 5)
    assert.equal((await seam('health get-health')).body.service_health_statuses[0].status, 'healthy')
  })

  it('takes a personal access token with a workspace', async () => {
    const env = { SEAM_CLI_TOKEN: server.personal_access_token, SEAM_CLI_WORKSPACE_ID: server.workspace_id }
    assert.equal((await seam('devices list', env)).body.devices.length, 5)
  })

  it('ends with an error that says why', async () => {
    const unknown = await seam('locks unlock-door --device-id 00000000-0000-4000-8000-000000000000')
    assert.notEqual(unknown.code, 0)
    assert.equal(unknown.body.error.type, 'device_not_found')
    const nobody = await seam('devices list', { SEAM_CLI_TOKEN: 'seam_nobody_nothing' })
    assert.notEqual(nobody.code, 0)
    assert.match(nobody.text, /unauthorized/i)
  })
})
