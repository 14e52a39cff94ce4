// Seam's own fake in memory, with as many locks as its argument says; prints where it listens.

import { createFake } from '@seamapi/fake-seam-connect'

const [locks] = process.argv.slice(2)
const fake = await createFake()
const { database } = fake
database.addWorkspace({ name: 'Bench', workspace_id: 'bench' })
const { connected_account_id } = database.addConnectedAccount({
  provider: 'august',
  workspace_id: 'bench',
  user_identifier: { email: 'bench@example.com' },
})
database.addApiKey({ name: 'Bench', token: 'seam_bench_token', workspace_id: 'bench' })
for (let lock = 0; lock < Number(locks); lock++) {
  database.addDevice({
    connected_account_id,
    device_type: 'august_lock',
    name: `Door ${lock}`,
    workspace_id: 'bench',
    can_remotely_lock: true,
    can_remotely_unlock: true,
    properties: { locked: true },
  })
}
await fake.startServer()
console.log(`listening on ${fake.serverUrl}`)
