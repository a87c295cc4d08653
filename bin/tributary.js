#!/usr/bin/env node
// Starts the program on the Node that the `node` package brought, whichever Node found this file.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const FLAGS = ['--disable-warning=ExperimentalWarning']
const main = at('../src/main.ts')
const bundled = at('../node_modules/node/bin/node')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  process.removeAllListeners('warning')
  await import(main)
} else if (existsSync(bundled)) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, () => {})
  const child = spawnSync(bundled, [...FLAGS, main, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exitCode = child.status ?? 1
} else {
  console.error('tributary: needs Node 24 or newer; run `npm ci` in the checkout, which brings it')
  process.exitCode = 1
}
