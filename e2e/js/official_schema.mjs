// Cuts the official OpenAPI document down to what checking answers needs: the schema of each path's answer and the
// schemas that those refer to, without prose, examples and extensions. The Rust tests hold every answer against the
// result, so that they need no Node; `cargo xtask e2e js` fails when the committed file is not what the pinned package
// gives.
//
//     node e2e/js/official_schema.mjs           compares, prints `N passed, N failed`
//     node e2e/js/official_schema.mjs --write   writes the file

import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { isDeepStrictEqual } from 'node:util'

import { openapi } from '@seamapi/types/connect'

const FILE = new URL('../../crates/thumbturn/tests/official/openapi.json', import.meta.url)
const PROSE = new Set(['description', 'example', 'examples', 'deprecated', 'discriminator', 'default', 'title'])

/** What a schema says of a value. The keys of `properties` are names of fields, not words of the schema language. */
const schemaOf = (node) => {
  if (Array.isArray(node)) return node.map(schemaOf)
  if (node == null || typeof node !== 'object') return node
  const entries = Object.entries(node).filter(([word]) => !PROSE.has(word) && !word.startsWith('x-'))
  return Object.fromEntries(
    entries.map(([word, value]) => {
      if (word === 'properties') return [word, fieldsOf(value)]
      return [word, word === 'enum' || word === 'required' ? value : schemaOf(value)]
    }),
  )
}

const fieldsOf = (properties) =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, schemaOf(schema)]))

/** All methods of a path answer the same; some paths have no schema, and answer `ok` alone. */
const answerOf = (path, operations) => {
  const responses = Object.values(operations).map((operation) => operation.responses['200'])
  const [schema, ...others] = responses.map((response) => response.content?.['application/json']?.schema)
  if (!others.every((other) => isDeepStrictEqual(other, schema))) throw new Error(`${path} answers in several forms`)
  return schema == null ? { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] } : schemaOf(schema)
}

/** Names of the schemas that `node` refers to, at any depth. */
const referredBy = (node, found = new Set()) => {
  if (node == null || typeof node !== 'object') return found
  const name = typeof node.$ref === 'string' ? node.$ref.split('/').at(-1) : undefined
  if (name != null && !found.has(name)) {
    found.add(name)
    referredBy(openapi.components.schemas[name], found)
  }
  for (const inner of Object.values(node)) referredBy(inner, found)
  return found
}

const inOrder = (entries) => Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))

const cut = async () => {
  const require = createRequire(import.meta.url)
  const { name, version, license } = JSON.parse(await readFile(packageFile(require), 'utf8'))
  const answers = inOrder(Object.entries(openapi.paths).map(([path, operations]) => [path, answerOf(path, operations)]))
  const schemas = inOrder([...referredBy(answers)].map((name) => [name, schemaOf(openapi.components.schemas[name])]))
  return {
    source: `Made by e2e/js/official_schema.mjs from the npm package ${name} ${version}, license ${license}; see LICENSE`,
    openapi: openapi.openapi,
    answers,
    components: { schemas },
  }
}

/** The package exports no `package.json`, so it is looked for beside what it exports. */
const packageFile = (require) => {
  const [folder] = require.resolve('@seamapi/types/connect').split('/node_modules/@seamapi/types/')
  return `${folder}/node_modules/@seamapi/types/package.json`
}

/** One line for each path and each schema, so that a change of version can be read. */
const write = (document) => {
  const { answers, components, ...head } = document
  const block = (entries) => Object.entries(entries).map(([name, schema]) => `${JSON.stringify(name)}: ${JSON.stringify(schema)}`).join(',\n')
  const lines = Object.entries(head).map(([word, value]) => `${JSON.stringify(word)}: ${JSON.stringify(value)},\n`).join('')
  return `{\n${lines}"answers": {\n${block(answers)}\n},\n"components": {"schemas": {\n${block(components.schemas)}\n}}\n}\n`
}

const text = write(await cut())
if (process.argv.includes('--write')) {
  await writeFile(FILE, text)
} else {
  const same = (await readFile(FILE, 'utf8').catch(() => '')) === text
  if (!same) console.log(`FAILED ${FILE.pathname} is not what @seamapi/types gives: run this script with --write`)
  console.log(same ? '1 passed, 0 failed' : '0 passed, 1 failed')
  if (!same) process.exitCode = 1
}
