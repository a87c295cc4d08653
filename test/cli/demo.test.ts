/**
 * The demo, and then every verb against the real nodes that it leaves running.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { DemoResult } from '../../src/cli/demo/result.ts'
import { runDemo } from '../../src/cli/demo/run-demo.ts'
import { silentReporter } from '../../src/cli/demo/reporter.ts'
import { SCENARIOS } from '../../src/cli/demo/scenarios.ts'
import { workflow1 } from '../../src/cli/demo/workflow-1.ts'
import { processContext } from '../../src/cli/context.ts'
import { WORKFLOW_1, WORKFLOWS, type WorkflowNumber } from '../../src/trace/index.ts'
import { run, temporaryFolder } from './support/run.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The program as users run it, in a process of its own. */
function program(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    env: { ...process.env, ...env },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const done = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
  return { child, done, out: () => out }
}

/** Node keeps its compile cache there, too. */
const left = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith('tributary-demo-'))

describe('tributary demo', () => {
  let finished: Finished
  let result: DemoResult
  let alpha: string
  let beta: string
  const at = (directory: string) => (args: readonly string[]) =>
    run(args, { env: { TRIBUTARY_DIR: directory } })

  beforeAll(async () => {
    finished = await program(['demo', '--keep', '-o', 'json']).done
    result = JSON.parse(finished.out) as DemoResult
    alpha = result.kept?.find(({ name }) => name === 'alpha')?.directory ?? ''
    beta = result.kept?.find(({ name }) => name === 'beta')?.directory ?? ''
  })

  afterAll(async () => {
    for (const { directory } of result.kept ?? []) await run(['stop', '--dir', directory])
    if (alpha !== '') rmSync(dirname(alpha), { recursive: true, force: true })
  })

  it('takes every numbered step, in order, at the right component, and prints one JSON document', () => {
    expect(result.error).toBeUndefined()
    expect(finished).toMatchObject({ code: 0, err: '' })
    expect(result).toMatchObject({ workflow: 1, intent: 'hello', reachable: true, tornDown: true })
    expect(result.steps.map(({ step, component, role }) => ({ step, component, role }))).toEqual(
      WORKFLOW_1.map(({ step, component, role }) => ({ step, component, role })),
    )
    for (const { role, node, peer } of result.steps) {
      expect(node).toBe(role === 'consumer' ? 'alpha' : 'beta')
      if (peer !== undefined) expect(peer).toBe(role === 'consumer' ? 'beta' : 'alpha')
    }
    expect(result.body).toContain('beta')
    expect(result.totalMs).toBeGreaterThan(0)
  })

  it('lets one node of the domain renew and revoke for it', () => {
    const configs = [beta, alpha].map((directory) => readFileSync(join(directory, 'config.yaml'), 'utf8'))
    const holders = configs.map((text) => /^ {2}authorityDirectory: (.+)$/m.exec(text)?.[1])
    expect(holders).toEqual(['../authority-example.org', undefined])
  })

  it('leaves with --keep two processes and a workload that answers', async () => {
    expect(new Set(result.kept?.map(({ pid }) => pid)).size).toBe(2)
    for (const { controlSocket } of result.kept ?? [])
      expect(await run(['status', '--server', `unix:${controlSocket}`])).toMatchObject({ code: 0 })
    const intent = JSON.parse((await at(alpha)(['get', 'intent', 'hello', '-o', 'json'])).out)
    expect(intent.status.phase).toBe('Running')
    const page = await new Promise<string>((resolve, reject) => {
      get(intent.status.url, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('end', () => resolve(text))
      }).on('error', reject)
    })
    expect(page).toContain('beta')
  })

  it('status: who the node is, its warnings, its peers', async () => {
    const { out } = await at(beta)(['status'])
    expect(out).toMatch(/^node +beta \(node\)/)
    // What runs programs of others, and so how grave that is, depends on this machine.
    expect(out).toMatch(/^(WARNING|note): .*buyers/m)
    expect(out).toMatch(/\nalpha +Accepted +example\.org/)
    expect(JSON.parse((await at(beta)(['status', '-o', 'json'])).out)).toMatchObject({
      name: 'beta',
      domain: 'example.org',
    })
  })

  it('trace: the steps of both nodes, and which of them were not needed', async () => {
    const { out } = await at(alpha)(['trace', 'hello'])
    expect(out).toMatch(/ 1 +0\.0 ms +alpha +Service Handler/)
    expect(out).toMatch(/ 23 .*beta +Virtual Fabric Manager/)
    expect(out).not.toContain('MISSING')
    const document = JSON.parse((await at(alpha)(['trace', 'hello', '-o', 'json'])).out)
    expect(document.events.some(({ node }: { node: string }) => node === 'beta')).toBe(true)
    expect(await at(alpha)(['trace', 'nothing'])).toMatchObject({ code: 3 })
  })

  it('plan: which offer would be taken, which not, and why', async () => {
    const { out } = await at(alpha)(['plan', '-f', 'examples/hello.yaml'])
    expect(out).toMatch(/decision +(buy|run on the virtual node)/)
    const big = temporaryFolder()
    writeFileSync(
      join(big, 'big.yaml'),
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: big }\nspec:\n  selector: { matchLabels: { a: b } }\n  template:\n    metadata: { labels: { a: b } }\n    spec:\n      containers: [{ name: c, resources: { requests: { cpu: "64" } } }]\n',
    )
    const none = await at(alpha)(['plan', '-f', join(big, 'big.yaml')])
    expect(none.code).toBe(1)
    expect(none.out).toMatch(/rejected +cpu-short/)
    expect(none.out).toContain('64')
    expect((await at(alpha)(['get', 'deployment', 'big'])).code).toBe(3)
  })

  it('describe and logs: of a workload on the machine of another node', async () => {
    expect((await at(alpha)(['describe', 'intent', 'hello'])).out).toMatch(/taken +best-score/)
    await expect.poll(async () => (await at(alpha)(['logs', 'intent/hello'])).out).toContain('listening on')
    expect(
      (await at(alpha)(['logs', 'deployment/hello', '--tail', '1'])).out.trimEnd().split('\n'),
    ).toHaveLength(1)
  })

  it('contract verify: needs no node, and says what is wrong with a tampered one', async () => {
    const folder = temporaryFolder()
    const names = (await at(alpha)(['get', 'contracts', '-o', 'name'])).out.trimEnd().split('\n')
    const yaml = (await at(alpha)(['get', names[0]!, '-o', 'yaml'])).out
    writeFileSync(join(folder, 'good.yaml'), yaml)
    const good = await run(['contract', 'verify', 'good.yaml'], { cwd: folder })
    expect(good).toMatchObject({ code: 0, err: '' })
    expect(good.out).toContain(': valid')
    writeFileSync(join(folder, 'bad.yaml'), yaml.replaceAll('512Mi', '256Mi'))
    const bad = await run(['contract', 'verify', 'bad.yaml'], { cwd: folder })
    expect(bad.code).toBe(1)
    expect(bad.out).toMatch(/WRONG +seller's signature +bad-signature/)
    const { spec } = JSON.parse((await at(alpha)(['get', names[0]!, '-o', 'json'])).out)
    writeFileSync(join(folder, 'wire.json'), JSON.stringify(spec.document))
    const wire = await run(['contract', 'verify', 'wire.json', '-o', 'json'], { cwd: folder })
    expect(JSON.parse(wire.out)).toMatchObject({ ok: true, contractID: names[0]!.split('/')[1] })
    writeFileSync(join(folder, 'other.yaml'), 'kind: Pod\nspec: {}\n')
    expect((await run(['contract', 'verify', 'other.yaml'], { cwd: folder })).err).toContain(
      'holds a Pod, not a contract',
    )
  })

  it('start: is refused for a directory whose node runs', async () => {
    const { code, err } = await run(['start', '--dir', beta])
    expect(code).toBe(1)
    const { pid } = result.kept!.find(({ name }) => name === 'beta')!
    expect(err).toContain(`already running as process ${pid}`)
  })

  it('delete --wait and stop: everything is given back, and the processes end', async () => {
    expect(await at(alpha)(['delete', 'intent', 'hello', '--wait'])).toMatchObject({ code: 0 })
    await expect
      .poll(async () => {
        const pool = JSON.parse((await at(beta)(['get', 'pool', 'compute', '-o', 'json'])).out)
        const { holds, allocations } = pool.status
        return { holds, allocations }
      })
      .toEqual({ holds: 0, allocations: 0 })
    for (const directory of [alpha, beta]) {
      expect(await run(['stop', '--dir', directory])).toMatchObject({ code: 0, err: '' })
      expect(existsSync(join(directory, 'run/endpoints.json'))).toBe(false)
      expect(await run(['stop', '--dir', directory])).toMatchObject({ code: 3 })
    }
  })
})

describe('tributary demo --all', () => {
  it(
    'plays all four workflows, each with every numbered step, and leaves nothing behind',
    { timeout: 120_000 },
    async () => {
      const folder = temporaryFolder()
      const { code, out, err } = await program(['demo', '--all', '-o', 'json'], { TMPDIR: folder }).done
      const results = JSON.parse(out) as DemoResult[]
      expect(results.map(({ workflow, error }) => [workflow, error])).toEqual(
        [1, 2, 3, 4].map((n) => [n, undefined]),
      )
      expect({ code, err }).toEqual({ code: 0, err: '' })
      for (const { workflow, steps, reachable, tornDown } of results) {
        expect({ workflow, reachable, tornDown }).toEqual({ workflow, reachable: true, tornDown: true })
        const taken = steps.map(({ step }) => step)
        const needed = WORKFLOWS[workflow as WorkflowNumber].filter(({ optional }) => !optional)
        expect(taken, `workflow ${workflow}`).toEqual(expect.arrayContaining(needed.map(({ step }) => step)))
      }
      // Step 0 is before the intent, at the catalog.
      expect(results[3]!.steps[0]).toMatchObject({ step: 0, node: 'catalog', role: 'catalog', peer: 'beta' })
      expect(results[3]!.steps[0]!.at).toBeLessThan(0)
      expect(left(folder)).toEqual([])
    },
  )
})

describe('a demo that goes wrong', () => {
  it('says why, and leaves neither process nor folder behind, when a node does not start', async () => {
    const folder = temporaryFolder()
    vi.stubEnv('TMPDIR', folder)
    onTestFinished(() => void vi.unstubAllEnvs())
    const [provider, consumer] = workflow1.nodes
    const broken = { ...consumer!, config: () => ({ rear: { listen: 'nowhere.invalid:0' } }) }
    const result = await runDemo(processContext(), {
      scenario: { ...workflow1, nodes: [provider!, broken] },
      keep: false,
      reporter: () => silentReporter,
    })
    expect(result.error).toMatch(/^alpha did not start:\n/)
    expect(result).toMatchObject({ reachable: false, tornDown: false, steps: [] })
    expect(left(folder)).toEqual([])
  })

  it('plays, with --all, the others all the same, and fails in the end', async () => {
    const folder = temporaryFolder()
    vi.stubEnv('TMPDIR', folder)
    // No node starts with it.
    vi.stubEnv('NODE_OPTIONS', '--no-such-option')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { code, out, err } = await run(['demo', '--all', '-o', 'json'])
    const results = JSON.parse(out) as DemoResult[]
    expect(results.map(({ workflow }) => workflow)).toEqual(SCENARIOS.map(({ workflow }) => workflow))
    for (const { workflow, error } of results) {
      expect(error).toMatch(/did not start/)
      expect(err).toContain(`the demo of workflow ${workflow} failed: `)
    }
    expect(code).toBe(1)
    expect(left(folder)).toEqual([])
  })

  it('plays either one workflow or all, and leaves only one running', async () => {
    expect(await run(['demo', '--all', '--workflow', '2'])).toMatchObject({ code: 2, out: '' })
    expect(await run(['demo', '--all', '--keep'])).toMatchObject({ code: 2, out: '' })
    expect(await run(['demo', '--workflow', '5'])).toMatchObject({ code: 2, out: '' })
  })

  it('stops at Ctrl-C with exit code 130, and leaves nothing behind', async () => {
    const folder = temporaryFolder()
    const { child, done, out } = program(['demo'], { TMPDIR: folder })
    await expect.poll(out, { timeout: 30_000 }).toContain('beta')
    child.kill('SIGINT')
    const { code, err } = await done
    expect(code).toBe(130)
    expect(err).toContain('nothing is left behind')
    expect(left(folder)).toEqual([])
  })
})
