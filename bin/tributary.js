#!/usr/bin/env node
// Starts the program on the Node that the `node` package brought, whichever Node found this file.
import { spawn } from 'node:child_process'
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
  const child = spawn(bundled, [...FLAGS, main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to both of us; what is sent to this process alone is passed on.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`tributary: cannot run ${bundled}: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
  })
} else {
  console.error('tributary: needs Node 24 or newer; run `npm ci` in the checkout, which brings it')
  process.exitCode = 1
}
