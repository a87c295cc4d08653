/**
 * Runs the benchmarks: `npm run bench -- [name …] [--quick] [--cpu-prof FOLDER]`.
 *
 * Prints tables, and keeps the same as JSON in `bench/results/`. Exits with 1 when a goal is missed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { catalog } from './catalog.ts'
import { contracts } from './contracts.ts'
import { dataPath } from './data-path.ts'
import { fanOut } from './fan-out.ts'
import { flood } from './flood.ts'
import { intent } from './intent.ts'
import type { Benchmark, BenchmarkResult } from './lib/benchmark.ts'
import { tableText } from './lib/print-table.ts'
import { list } from './list.ts'
import { memory } from './memory.ts'
import { relayedIntent } from './relayed-intent.ts'

const BENCHMARKS: readonly Benchmark[] = [
  list,
  contracts,
  intent,
  relayedIntent,
  catalog,
  fanOut,
  dataPath,
  flood,
  memory,
]
const RESULTS = join(import.meta.dirname, 'results')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log('npm run bench -- [name ...] [--quick] [--cpu-prof FOLDER]\n')
  for (const { name, description } of BENCHMARKS) console.log(`  ${name.padEnd(16)}${description}`)
} else {
  await runAll(chosen())
}

function chosen(): readonly Benchmark[] {
  const unknown = positionals.find((name) => !BENCHMARKS.some((each) => each.name === name))
  if (unknown !== undefined) {
    throw new Error(`no benchmark "${unknown}"; there are ${BENCHMARKS.map(({ name }) => name).join(', ')}`)
  }
  return positionals.length === 0 ? BENCHMARKS : BENCHMARKS.filter(({ name }) => positionals.includes(name))
}

async function runAll(benchmarks: readonly Benchmark[]): Promise<void> {
  const started = new Date()
  const results: Record<string, BenchmarkResult> = {}
  const profiles = values['cpu-prof']
  if (profiles !== undefined) mkdirSync(profiles, { recursive: true })
  for (const benchmark of benchmarks) {
    const directory = mkdtempSync(join(tmpdir(), `tributary-bench-${benchmark.name}-`))
    try {
      const result = await benchmark.run({
        quick: values.quick,
        directory,
        execArgv: profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profiles)}`],
        progress: (text) => console.error(`${benchmark.name}: ${text}`),
      })
      results[benchmark.name] = result
      print(result)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  keep(started, results)
  const missed = Object.values(results).some(({ goals }) => goals.some(({ met }) => !met))
  if (missed) process.exitCode = 1
}

function print({ tables, goals, notes = [] }: BenchmarkResult): void {
  for (const table of tables) console.log(`\n${tableText(table)}`)
  if (goals.length > 0) {
    const rows = goals.map(({ goal, measured, met }) => ({ goal, measured, met: met ? 'yes' : 'NO' }))
    console.log(`\n${tableText({ title: 'Goals', rows })}`)
  }
  for (const note of notes) console.log(`\n${note}`)
  console.log()
}

function keep(started: Date, results: Readonly<Record<string, BenchmarkResult>>): void {
  mkdirSync(RESULTS, { recursive: true })
  const report = {
    started: started.toISOString(),
    seconds: Math.round((Date.now() - started.getTime()) / 1_000),
    quick: values.quick,
    machine: {
      cpu: cpus()[0]?.model,
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    results,
  }
  const file = join(RESULTS, `${report.started.replaceAll(/[:.]/g, '-')}.json`)
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  console.error(`kept in ${file}; ${report.seconds} s`)
}
