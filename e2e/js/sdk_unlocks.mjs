// How long the official SDK takes for an unlock, with the polling that it does by itself.

import { Seam } from 'seam'

/** The times of so many unlocks of one lock, one after the other, in microseconds. */
export const sdkUnlocks = async (endpoint, apiKey, deviceId, calls) => {
  const seam = new Seam({ apiKey, endpoint })
  const times = []
  for (let call = 0; call < calls; call++) {
    const started = process.hrtime.bigint()
    const attempt = await seam.locks.unlockDoor({ device_id: deviceId })
    times.push(Number(process.hrtime.bigint() - started) / 1000)
    if (attempt.status !== 'success') throw new Error(JSON.stringify(attempt))
  }
  return times
}
