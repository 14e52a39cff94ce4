// Starts a Thumbturn server of its own for one test file: a fresh folder, a free port, and no
// settings from outside. Ready means that the server printed its address; nothing here sleeps.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const START_LIMIT_MS = 20_000
const STOP_LIMIT_MS = 40_000
const READY = /listening on (http:\/\/127\.0\.0\.1:\d+)/

const binary = resolve(
  process.env.THUMBTURN_BIN ?? new URL('../../target/debug/thumbturn', import.meta.url).pathname,
)

// The SDKs and the server read variables; a developer's own must not reach either.
for (const name of Object.keys(process.env)) {
  if (/^(SEAM|THUMBTURN)_/.test(name)) delete process.env[name]
}

/**
 * A running server: `endpoint`, the secrets of `thumbturn init` (`workspace_id`, `api_key`,
 * `personal_access_token`, `publishable_key`, `devices`), `post(path, body)` with the API key,
 * `set(device_id, script)` for a virtual lock, `pid`, `startMs` (from start to ready), `restart()` on the same folder
 * (at another endpoint), `beside()` (`endpoint`, `pid` and `stop()` of another node on the same database), and `stop()`.
 * `variables` are settings for its environment.
 */
export const startServer = async (variables = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'thumbturn-e2e-'))
  try {
    return await start(folder, { ...process.env, ...variables })
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

const start = async (folder, env) => {
  const dataDir = join(folder, 'data')
  const { stdout } = await promisify(execFile)(binary, ['init', '--data-dir', dataDir, '--json'], { env })
  const installation = JSON.parse(stdout)

  const serve = async (dir = dataDir) => {
    const started = performance.now()
    const child = spawn(binary, ['serve', '--data-dir', dir, '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    })
    const endpoint = await address(child).catch((error) => {
      child.kill('SIGKILL')
      throw error
    })
    return { child, endpoint, pid: child.pid, startMs: performance.now() - started }
  }
  let running = await serve()

  const post = async (path, body) => {
    const response = await fetch(`${running.endpoint}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${installation.api_key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return await response.json()
  }

  const set = async (deviceId, script) => {
    await post('/thumbturn/sandbox/locks/set', { device_id: deviceId, ...script })
  }

  const stop = async () => {
    await end(running.child)
    await rm(folder, { recursive: true, force: true })
  }

  const server = { ...installation, endpoint: running.endpoint, pid: running.pid, startMs: running.startMs, post, set, stop }

  server.restart = async () => {
    await end(running.child)
    running = await serve()
    Object.assign(server, { endpoint: running.endpoint, pid: running.pid, startMs: running.startMs })
  }

  server.beside = async () => {
    const dir = join(await mkdtemp(join(folder, 'beside-')), 'data')
    await mkdir(dir, { mode: 0o700 })
    await copyFile(join(dataDir, 'secrets.key'), join(dir, 'secrets.key'))
    const { child, endpoint, pid } = await serve(dir)
    return { endpoint, pid, api_key: installation.api_key, stop: async () => await end(child) }
  }

  return server
}

/** The address in the first line that has one, or an error that shows what was said instead. */
const address = async (child) =>
  await new Promise((resolve, reject) => {
    const said = []
    const fail = (reason) => reject(new Error(`the server ${reason}:\n${said.join('\n')}`))
    const timer = setTimeout(() => fail(`was not ready after ${START_LIMIT_MS} ms`), START_LIMIT_MS)
    const hear = (line) => {
      if (said.length < 200) said.push(line)
      const found = READY.exec(line)
      if (found == null) return
      clearTimeout(timer)
      resolve(found[1])
    }
    // Both pipes are read to the end, so that a talkative server never blocks.
    createInterface({ input: child.stdout }).on('line', hear)
    createInterface({ input: child.stderr }).on('line', (line) => said.length < 200 && said.push(line))
    child.on('error', (error) => fail(`did not start (${error.message})`))
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`ended with ${code ?? signal}`)
    })
  })

/** SIGTERM; a server that does not leave by itself, or not with 0, fails the test file. */
const end = async (child) => {
  if (child.exitCode == null && child.signalCode == null) {
    const ended = once(child, 'exit')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    child.kill('SIGTERM')
    await ended
    clearTimeout(timer)
  }
  if (child.exitCode !== 0) throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}`)
}
