// What an application does with the official JavaScript client. The same cases run with the
// current client and with the generation before it, which sends POST nearly everywhere.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { startServer } from './server.mjs'

const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const limit = { timeout: 60_000 }

/** `Client` and `ClientWithoutWorkspace` are the two classes of the package `sdk`. */
export const officialClientCases = (name, sdk, { Client, ClientWithoutWorkspace }) => {
  describe(name, () => {
    let server
    let seam

    before(async () => {
      server = await startServer()
      seam = new Client({ apiKey: server.api_key, endpoint: server.endpoint })
    }, limit)

    after(async () => await server?.stop(), limit)

    const deviceId = (index = 0) => server.devices[index].device_id
    const allIds = () => server.devices.map((device) => device.device_id).sort()
    const idsOf = (devices) => devices.map((device) => device.device_id).sort()
    const aMinuteAgo = () => new Date(Date.now() - 60_000).toISOString()

    /** Runs `call` and returns its error, which must be of the class. */
    const failure = async (call, errorClass) => {
      const error = await call().then(
        () => assert.fail('the call succeeded'),
        (error) => error,
      )
      assert.ok(error instanceof errorClass, `expected ${errorClass.name}, got ${error?.stack}`)
      return error
    }

    const assertSucceeded = (attempt, actionType) => {
      assert.match(attempt.action_attempt_id, UUID)
      assert.equal(attempt.action_type, actionType)
      assert.equal(attempt.status, 'success')
      assert.equal(attempt.error, null)
      assert.equal(attempt.result.was_confirmed_by_device, true)
    }

    describe('locks', () => {
      test('unlockDoor resolves with a success that the lock confirmed', limit, async () => {
        const device_id = deviceId()
        assertSucceeded(await seam.locks.unlockDoor({ device_id }), 'UNLOCK_DOOR')
        const device = await seam.devices.get({ device_id })
        assert.equal(device.properties.locked, false)
      })

      test('lockDoor resolves with a success that the lock confirmed', limit, async () => {
        const device_id = deviceId()
        assertSucceeded(await seam.locks.lockDoor({ device_id }), 'LOCK_DOOR')
        const device = await seam.devices.get({ device_id })
        assert.equal(device.properties.locked, true)
      })

      test('unlockDoor needs one request: the first answer is final', limit, async () => {
        const counted = new Client({ apiKey: server.api_key, endpoint: server.endpoint })
        const paths = []
        counted.client.interceptors.request.use((request) => {
          paths.push(request.url)
          return request
        })
        await counted.locks.unlockDoor({ device_id: deviceId() })
        assert.deepEqual(paths, ['/locks/unlock_door'])
      })

      test('get finds a lock by id and by name', limit, async () => {
        const lock = await seam.locks.get({ device_id: deviceId(1) })
        assert.equal(lock.device_id, deviceId(1))
        const named = await seam.locks.get({ name: server.devices[1].display_name })
        assert.equal(named.device_id, deviceId(1))
      })

      test('list has the five virtual locks', limit, async () => {
        const locks = await seam.locks.list()
        assert.deepEqual(idsOf(locks), allIds())
      })
    })

    describe('devices', () => {
      test('get returns a whole device', limit, async () => {
        const device = await seam.devices.get({ device_id: deviceId() })
        assert.equal(device.display_name, server.devices[0].display_name)
        assert.equal(device.workspace_id, server.workspace_id)
        assert.match(device.connected_account_id, UUID)
        assert.match(device.created_at, TIMESTAMP)
        assert.equal(device.is_managed, true)
        assert.equal(device.can_remotely_unlock, true)
        assert.equal(device.can_remotely_lock, true)
        assert.equal(device.properties.online, true)
        assert.deepEqual(device.errors, [])
        assert.ok(device.capabilities_supported.includes('lock'))
      })

      test('list without and with filters', limit, async () => {
        assert.deepEqual(idsOf(await seam.devices.list()), allIds())
        const device_ids = [deviceId(0), deviceId(2)]
        assert.deepEqual(idsOf(await seam.devices.list({ device_ids })), [...device_ids].sort())
        const one = await seam.devices.list({ device_ids: [deviceId(3)] })
        assert.deepEqual(idsOf(one), [deviceId(3)])
        assert.deepEqual(await seam.devices.list({ device_ids: [] }), [])
        assert.deepEqual(await seam.devices.list({ device_ids: [UNKNOWN_ID] }), [])
      })

      test('update sets and removes a nickname', limit, async () => {
        const device_id = deviceId(1)
        const name = 'Küche, hinten / 100 %'
        await seam.devices.update({ device_id, name })
        const renamed = await seam.devices.get({ device_id })
        assert.equal(renamed.nickname, name)
        assert.equal(renamed.display_name, name)
        assert.equal((await seam.devices.get({ name })).device_id, device_id)

        await seam.devices.update({ device_id, name: null })
        const restored = await seam.devices.get({ device_id })
        assert.equal(restored.nickname, undefined)
        assert.equal(restored.display_name, server.devices[1].display_name)
      })

      test('update merges custom metadata, which list can filter by', limit, async () => {
        const device_id = deviceId(2)
        await seam.devices.update({ device_id, custom_metadata: { unit: '12 B', vip: true, old: 'x' } })
        await seam.devices.update({ device_id, custom_metadata: { old: null } })
        const device = await seam.devices.get({ device_id })
        assert.deepEqual(device.custom_metadata, { unit: '12 B', vip: true })

        const found = await seam.devices.list({ custom_metadata_has: { unit: '12 B', vip: true } })
        assert.deepEqual(idsOf(found), [device_id])
        assert.deepEqual(await seam.devices.list({ custom_metadata_has: { unit: '13' } }), [])
      })
    })

    describe('pagination', () => {
      test('a paginator walks through all devices', limit, async () => {
        const sizes = []
        for await (const page of seam.createPaginator(seam.devices.list({ limit: 2 }))) sizes.push(page.length)
        assert.deepEqual(sizes, [2, 2, 1])

        const pages = seam.createPaginator(seam.devices.list({ limit: 2 }))
        assert.deepEqual(idsOf(await pages.flattenToArray()), allIds())
      })

      test('a page can be fetched by its cursor', limit, async () => {
        const pages = seam.createPaginator(seam.devices.list({ limit: 3 }))
        const [first, { hasNextPage, nextPageCursor }] = await pages.firstPage()
        assert.equal(hasNextPage, true)
        const [second, last] = await pages.nextPage(nextPageCursor)
        assert.deepEqual(idsOf([...first, ...second]), allIds())
        assert.equal(last.hasNextPage, false)
        assert.equal(last.nextPageCursor, null)
      })
    })

    describe('action attempts', () => {
      test('an attempt can be read without waiting and then be waited for', limit, async () => {
        const device_id = deviceId(3)
        const started = await seam.locks.lockDoor({ device_id }, { waitForActionAttempt: false })
        assert.ok(['pending', 'success'].includes(started.status))
        const { action_attempt_id } = started
        assertSucceeded(await seam.actionAttempts.get({ action_attempt_id }), 'LOCK_DOOR')
      })

      test('list shows the attempts of one device in their order', limit, async () => {
        const device_id = deviceId(4)
        const first = await seam.locks.lockDoor({ device_id })
        const second = await seam.locks.unlockDoor({ device_id })
        const attempts = await seam.actionAttempts.list({ device_id })
        const ids = attempts.map((attempt) => attempt.action_attempt_id)
        assert.deepEqual(ids, [first.action_attempt_id, second.action_attempt_id])

        const action_attempt_ids = [second.action_attempt_id]
        const [only, ...others] = await seam.actionAttempts.list({ action_attempt_ids })
        assert.equal(only.action_attempt_id, second.action_attempt_id)
        assert.deepEqual(others, [])
      })

      test('an unknown attempt', limit, async () => {
        const call = async () => await seam.actionAttempts.get({ action_attempt_id: UNKNOWN_ID })
        const error = await failure(call, sdk.SeamHttpApiError)
        assert.equal(error.statusCode, 404)
        assert.equal(error.code, 'action_attempt_not_found')
        assert.equal(error.data.action_attempt_id, UNKNOWN_ID)
      })
    })

    describe('workspaces and connected accounts', () => {
      test('get and list know the one workspace of the key', limit, async () => {
        const workspace = await seam.workspaces.get()
        assert.equal(workspace.workspace_id, server.workspace_id)
        assert.equal(workspace.is_sandbox, true)
        const workspaces = await seam.workspaces.list()
        assert.deepEqual(workspaces.map((entry) => entry.workspace_id), [server.workspace_id])
      })

      test('the account of a device can be listed and read', limit, async () => {
        const { connected_account_id } = await seam.devices.get({ device_id: deviceId() })
        const accounts = await seam.connectedAccounts.list()
        assert.ok(accounts.some((account) => account.connected_account_id === connected_account_id))
        const account = await seam.connectedAccounts.get({ connected_account_id })
        assert.equal(account.connected_account_id, connected_account_id)
        assert.deepEqual(account.errors, [])
      })

      test('an unknown account', limit, async () => {
        const call = async () => await seam.connectedAccounts.get({ connected_account_id: UNKNOWN_ID })
        const error = await failure(call, sdk.SeamHttpApiError)
        assert.equal(error.statusCode, 404)
        assert.equal(error.code, 'connected_account_not_found')
      })
    })

    describe('events', () => {
      test('an unlock leaves its two events, linked to the attempt', limit, async () => {
        const device_id = deviceId()
        await seam.locks.lockDoor({ device_id })
        const { action_attempt_id } = await seam.locks.unlockDoor({ device_id })

        const events = await seam.events.list({ since: aMinuteAgo(), device_id })
        const mine = events.filter((event) => event.action_attempt_id === action_attempt_id)
        const types = mine.map((event) => event.event_type).sort()
        assert.deepEqual(types, ['action_attempt.unlock_door.succeeded', 'lock.unlocked'])
        const unlocked = mine.find((event) => event.event_type === 'lock.unlocked')
        assert.equal(unlocked.method, 'remote')
        assert.equal(unlocked.device_id, device_id)
        assert.match(unlocked.created_at, /^\d{4}-\d\d-\d\dT.*Z$/)

        const { event_id } = unlocked
        assert.equal((await seam.events.get({ event_id })).event_type, 'lock.unlocked')
      })

      test('list filters by type', limit, async () => {
        const events = await seam.events.list({ since: aMinuteAgo(), event_type: 'lock.unlocked' })
        assert.ok(events.length > 0)
        assert.ok(events.every((event) => event.event_type === 'lock.unlocked'))
      })
    })

    describe('client sessions', () => {
      const createSession = async (user_identifier_key) => {
        const { connected_account_id } = await seam.devices.get({ device_id: deviceId() })
        const connected_account_ids = [connected_account_id]
        return await seam.clientSessions.create({ user_identifier_key, connected_account_ids })
      }

      test('create twice with one user key is one session', limit, async () => {
        const session = await createSession('jane')
        assert.match(session.token, /^seam_cst/)
        assert.equal(session.user_identifier_key, 'jane')
        assert.equal(session.workspace_id, server.workspace_id)
        assert.equal(session.device_count, server.devices.length)
        const { client_session_id } = session
        assert.equal((await createSession('jane')).client_session_id, client_session_id)
      })

      test('getOrCreate finds it, get reads it', limit, async () => {
        const { client_session_id, token } = await createSession('jane')
        const found = await seam.clientSessions.getOrCreate({ user_identifier_key: 'jane' })
        assert.equal(found.client_session_id, client_session_id)
        const read = await seam.clientSessions.get({ client_session_id })
        assert.equal(read.token, token)
      })

      test('its token sees and opens the locks of its accounts', limit, async () => {
        const { token, client_session_id } = await createSession('jane')
        const jane = Client.fromClientSessionToken(token, { endpoint: server.endpoint })
        assert.deepEqual(idsOf(await jane.devices.list()), allIds())
        assertSucceeded(await jane.locks.unlockDoor({ device_id: deviceId() }), 'UNLOCK_DOOR')
        assert.equal((await jane.clientSessions.get()).client_session_id, client_session_id)
      })

      test('a token outside its grant sees nothing and opens nothing', limit, async () => {
        const { token } = await seam.clientSessions.create({ user_identifier_key: 'guest' })
        const guest = Client.fromClientSessionToken(token, { endpoint: server.endpoint })
        assert.deepEqual(await guest.devices.list(), [])
        const device_id = deviceId()
        await failure(async () => await guest.devices.get({ device_id }), sdk.SeamHttpUnauthorizedError)
        await failure(async () => await guest.locks.unlockDoor({ device_id }), sdk.SeamHttpUnauthorizedError)
      })

      test('a running client can take another token', limit, async () => {
        const { token } = await seam.clientSessions.create({ user_identifier_key: 'guest' })
        const client = Client.fromClientSessionToken(token, { endpoint: server.endpoint })
        await client.updateClientSessionToken((await createSession('jane')).token)
        assert.deepEqual(idsOf(await client.devices.list()), allIds())
      })
    })

    describe('other credentials', () => {
      test('a publishable key becomes an empty session', limit, async () => {
        const visitor = await Client.fromPublishableKey(server.publishable_key, 'visitor-1', {
          endpoint: server.endpoint,
        })
        assert.deepEqual(await visitor.devices.list(), [])
        const session = await visitor.clientSessions.get()
        assert.equal(session.user_identifier_key, 'visitor-1')
      })

      test('a personal access token with a workspace', limit, async () => {
        const operator = Client.fromPersonalAccessToken(server.personal_access_token, server.workspace_id, {
          endpoint: server.endpoint,
        })
        assert.equal((await operator.workspaces.get()).workspace_id, server.workspace_id)
        assertSucceeded(await operator.locks.unlockDoor({ device_id: deviceId() }), 'UNLOCK_DOOR')
      })

      test('a personal access token without a workspace', limit, async () => {
        const operator = ClientWithoutWorkspace.fromPersonalAccessToken(server.personal_access_token, {
          endpoint: server.endpoint,
        })
        const workspaces = await operator.workspaces.list()
        assert.ok(workspaces.some((workspace) => workspace.workspace_id === server.workspace_id))
      })
    })

    describe('errors', () => {
      test('an unknown device', limit, async () => {
        const calls = [seam.devices.get, seam.locks.get, seam.locks.unlockDoor]
        const namespaces = [seam.devices, seam.locks, seam.locks]
        for (const [index, call] of calls.entries()) {
          const run = async () => await call.call(namespaces[index], { device_id: UNKNOWN_ID })
          const error = await failure(run, sdk.SeamHttpApiError)
          assert.equal(error.statusCode, 404)
          assert.equal(error.code, 'device_not_found')
          assert.ok(error.message.length > 0)
          assert.ok(error.requestId.length > 0)
        }
      })

      test('wrong credentials of every kind', limit, async () => {
        const { endpoint } = server
        const long = 'A'.repeat(24)
        const clients = [
          new Client({ apiKey: `seam_testAAAA_${long}`, endpoint }),
          Client.fromPersonalAccessToken(`seam_at1AAAAAAAA_${long}`, server.workspace_id, { endpoint }),
          Client.fromPersonalAccessToken(server.personal_access_token, UNKNOWN_ID, { endpoint }),
          Client.fromClientSessionToken(`seam_cst1AAAAAAAA_${long}`, { endpoint }),
        ]
        for (const client of clients) {
          const error = await failure(async () => await client.devices.list(), sdk.SeamHttpUnauthorizedError)
          assert.equal(error.statusCode, 401)
          assert.ok(error.requestId.length > 0)
        }
        const nobody = ClientWithoutWorkspace.fromPersonalAccessToken(`seam_at1AAAAAAAA_${long}`, { endpoint })
        await failure(async () => await nobody.workspaces.list(), sdk.SeamHttpUnauthorizedError)
      })

      test('invalid input names the parameter', limit, async () => {
        const malformed = async () => await seam.devices.get({ device_id: 'not-a-uuid' })
        const error = await failure(malformed, sdk.SeamHttpInvalidInputError)
        assert.equal(error.statusCode, 400)
        assert.equal(error.code, 'invalid_input')
        assert.equal(error.getValidationErrorMessages('device_id').length, 1)
        assert.deepEqual(error.getValidationErrorMessages('name'), [])

        const mistyped = async () => await seam.locks.unlockDoor({ device_id: 42 })
        const typed = await failure(mistyped, sdk.SeamHttpInvalidInputError)
        assert.deepEqual(typed.getValidationErrorMessages('device_id'), ['Expected string, received number'])
      })

      test('a jammed lock fails with its reason, and works again after it', limit, async () => {
        const device_id = deviceId(4)
        await seam.locks.lockDoor({ device_id })
        await server.set(device_id, { faults: { jam: 1 } })

        const jammed = async () => await seam.locks.unlockDoor({ device_id })
        const error = await failure(jammed, sdk.SeamActionAttemptFailedError)
        assert.equal(error.code, 'lock_jammed')
        assert.ok(error.message.length > 0)
        const { actionAttempt } = error
        assert.equal(actionAttempt.status, 'error')
        assert.equal(actionAttempt.result, null)
        assert.equal(actionAttempt.error.type, 'lock_jammed')

        const event_type = 'action_attempt.unlock_door.failed'
        const events = await seam.events.list({ since: aMinuteAgo(), event_type, device_id })
        const { action_attempt_id } = actionAttempt
        assert.ok(events.some((event) => event.action_attempt_id === action_attempt_id))

        assertSucceeded(await seam.locks.unlockDoor({ device_id }), 'UNLOCK_DOOR')
      })
    })

    describe('simulations', () => {
      test('a lock goes offline and comes back', limit, async () => {
        const device_id = deviceId(2)
        await seam.devices.simulate.disconnect({ device_id })
        const away = await seam.devices.get({ device_id })
        assert.equal(away.properties.online, false)
        assert.equal(away.errors[0].error_code, 'device_disconnected')
        const error = await failure(() => seam.locks.unlockDoor({ device_id }), sdk.SeamActionAttemptFailedError)
        assert.equal(error.code, 'device_disconnected')
        await seam.devices.simulate.connect({ device_id })
        assertSucceeded(await seam.locks.unlockDoor({ device_id }), 'UNLOCK_DOOR')
      })

      test('an auto-lock is set', limit, async () => {
        const device_id = deviceId(2)
        const wanted = { device_id, auto_lock_enabled: true, auto_lock_delay_seconds: 30 }
        // The generation before knows no such method, and its client takes any path.
        const attempt = seam.locks.configureAutoLock
          ? await seam.locks.configureAutoLock(wanted)
          : (await seam.client.post('/locks/configure_auto_lock', wanted)).data.action_attempt
        assert.deepEqual([attempt.status, attempt.result], ['success', {}])
        const { properties } = await seam.devices.get({ device_id })
        assert.deepEqual([properties.auto_lock_enabled, properties.auto_lock_delay_seconds], [true, 30])
      })
    })

    describe('spaces and user identities', () => {
      test('a space holds devices', limit, async () => {
        const space = await seam.spaces.create({ name: 'Lobby', space_key: `${name} lobby`, device_ids: [deviceId()] })
        await seam.spaces.addDevices({ space_id: space.space_id, device_ids: [deviceId(1)] })
        await seam.spaces.removeDevices({ space_id: space.space_id, device_ids: [deviceId()] })
        assert.deepEqual(idsOf(await seam.devices.list({ space_id: space.space_id })), [deviceId(1)])
        await seam.spaces.delete({ space_id: space.space_id })
        assert.deepEqual((await seam.devices.get({ device_id: deviceId(1) })).space_ids, [])
      })

      test('a guest opens what was granted to him, until it is revoked', limit, async () => {
        const { user_identity_id } = await seam.userIdentities.create({ user_identity_key: `${name} guest` })
        const device_id = deviceId(1)
        await seam.userIdentities.grantAccessToDevice({ user_identity_id, device_id })
        const { token } = await seam.clientSessions.create({ user_identity_id })
        const guest = Client.fromClientSessionToken(token, { endpoint: server.endpoint })
        assert.deepEqual(idsOf(await guest.devices.list()), [device_id])
        assertSucceeded(await guest.locks.unlockDoor({ device_id }), 'UNLOCK_DOOR')
        await seam.userIdentities.revokeAccessToDevice({ user_identity_id, device_id })
        await failure(() => guest.locks.unlockDoor({ device_id }), sdk.SeamHttpUnauthorizedError)
      })
    })

    describe('reset', () => {
      test('a sandbox begins again with the same ids', limit, async () => {
        await seam.devices.update({ device_id: deviceId(), name: 'Renamed' })
        const attempt = await seam.workspaces.resetSandbox()
        assert.deepEqual([attempt.action_type, attempt.status], ['RESET_SANDBOX_WORKSPACE', 'success'])
        assert.deepEqual(idsOf(await seam.devices.list()), allIds())
        assert.equal((await seam.devices.get({ device_id: deviceId() })).display_name, 'Front Door')
      })
    })
  })
}
