// Measures a built server and prints the table of docs/performance.md: `cargo xtask bench`. Peers are measured in the same
// run, in turns, because machines drift; ratios are what counts.

import { cpus, totalmem } from 'node:os'

import { ROWS } from './rows.mjs'

const args = process.argv.slice(2)
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined
if (only !== undefined && !(only in ROWS)) throw new Error(`--only takes one of ${Object.keys(ROWS).join(', ')}`)
const wanted = ([name, { isLong }]) => (only === undefined ? !isLong || args.includes('--long') : name === only)

const cells = (...values) => `| ${values.join(' | ')} |`
const words = (met) => (met.every(({ aim }) => aim) ? 'aim' : met.every(({ reach }) => reach) ? 'reached' : '**missed**')

const table = [cells('What', 'Figure', 'Reach', 'Aim', ''), cells('---', '---', '---', '---', '---')]
const notes = []
let [reached, missed] = [0, 0]
for (const [name, { measure }] of Object.entries(ROWS).filter(wanted)) {
  console.log(`measuring ${name} …`)
  const found = await measure()
  for (const { what, figure, reach, aim, met } of found.rows) {
    const line = cells(what, figure, reach, aim, words(met))
    console.log(line)
    table.push(line)
    met.every((one) => one.reach) ? reached++ : missed++
  }
  for (const note of found.notes) notes.push(`- ${name}: ${note}`)
}
const [{ model }] = cpus()
console.log(`\n${cpus().length} processors (${model}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}\n`)
console.log([...table, '', ...notes].join('\n'))
console.log(`\n${reached} reached, ${missed} missed`)
