/**
 * The real kubectl against the control API: what users do on a laptop without Kubernetes.
 * Skipped where there is no kubectl.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AccessTokens, ControlApi } from '../../src/api/index.ts'
import { Informers } from '../../src/kernel/informer.ts'
import { run } from '../cli/support/run.ts'
import { DeploymentKind, TEST_KINDS, WidgetKind } from '../support/control-api-kinds.ts'
import { silentLog } from '../../src/kernel/log.ts'
import { mutateStatus, type ObjectStore } from '../../src/kernel/object-store.ts'
import { realSystem } from '../../src/kernel/system.ts'
import { createMemoryStore } from '../../src/store/memory/index.ts'

const found = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' })
const missing = found.error !== undefined || found.status !== 0
if (missing)
  console.warn('kubectl is not on the PATH: the tests of the control API with the real kubectl are skipped')

interface Result {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

let home: string
let api: ControlApi
let store: ObjectStore
let tokens: AccessTokens

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'tributary-kubectl-'))
})

afterAll(() => rmSync(home, { recursive: true, force: true }))

beforeEach(async () => {
  store = createMemoryStore({ system: realSystem }).store
  const informers = new Informers({ store, system: realSystem, log: silentLog })
  tokens = new AccessTokens({ store, informers, system: realSystem, log: silentLog })
  api = new ControlApi({
    store,
    kinds: TEST_KINDS,
    system: realSystem,
    log: silentLog,
    version: '0.0.0',
    socket: join(home, 'run', 'control.sock'),
    secure: { listen: { host: '127.0.0.1', port: 0 }, tokens, directory: home, nodeName: 'test' },
    extra: [
      {
        method: 'GET',
        path: '/tributary/v1/status',
        access: 'viewer',
        handler: async () => ({ status: 200, body: { name: 'test' } }),
      },
    ],
    async *podLogs({ name }, { follow, tailLines }) {
      yield `hello from ${name}\n`
      if (follow) yield 'and more\n'
      if (tailLines !== undefined) yield `the last ${tailLines}\n`
    },
  })
  await api.start()
  const server = `unix:${api.address.socket}`
  const made = await run(['kubeconfig', '--server', server])
  expect(made.code, made.err).toBe(0)
  writeFileSync(join(home, 'kubeconfig'), made.out, { mode: 0o600 })
})

afterEach(() => api.stop())

function start(args: readonly string[], environment: Record<string, string> = {}): ReturnType<typeof spawn> {
  return spawn('kubectl', ['--cache-dir', join(home, 'cache'), ...args], {
    env: { ...process.env, HOME: home, KUBECONFIG: join(home, 'kubeconfig'), ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

function finished(child: ReturnType<typeof spawn>): Promise<Result> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

/** Runs kubectl, and expects it to succeed. @returns what it printed */
async function kubectl(...args: readonly string[]): Promise<string> {
  const child = start(args)
  child.stdin?.end()
  const { code, out, err } = await finished(child)
  expect({ args, code, err: code === 0 ? '' : err }).toEqual({ args, code: 0, err: '' })
  return out
}

/** Runs kubectl, and expects it to fail. @returns what it complained */
async function failing(...args: readonly string[]): Promise<string> {
  const child = start(args)
  child.stdin?.end()
  const { code, err } = await finished(child)
  expect({ args, failed: code !== 0 }).toEqual({ args, failed: true })
  return err
}

function file(name: string, text: string): string {
  const path = join(home, name)
  writeFileSync(path, text)
  return path
}

const widget = (spec = '{replicas: 2, color: red}', name = 'a'): string =>
  file(
    `${name}.yaml`,
    `apiVersion: test.example.com/v1alpha1\nkind: Widget\nmetadata: {name: ${name}, labels: {app: x}}\nspec: ${spec}\n`,
  )

const deployment = (
  containers = '[{name: main, image: one}, {name: side, image: two}]',
  replicas = 2,
): string =>
  file(
    'deployment.yaml',
    `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: ${containers}}
`,
  )

const pod = (): string =>
  file(
    'pod.yaml',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n',
  )

const lines = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))

describe.skipIf(missing)('kubectl', () => {
  it('discovers what there is', async () => {
    const resources = lines(await kubectl('api-resources'))
    expect(resources).toContain('widgets wd test.example.com/v1alpha1 true Widget')
    expect(resources).toContain('gadgets test.example.com/v1alpha1 false Gadget')
    expect(lines(await kubectl('api-versions'))).toContain('test.example.com/v1alpha1')
    expect(await kubectl('version')).toContain('Server Version: v1.32.0+tributary-0.0.0')
    expect(await kubectl('get', '--raw', '/healthz')).toBe('ok')
  })

  it('applies: creates, leaves alone, changes, and removes what is left out', async () => {
    expect(lines(await kubectl('apply', '-f', widget(), '-f', deployment()))).toEqual([
      'widget.test.example.com/a created',
      'deployment.apps/web created',
    ])
    const version = await kubectl('get', 'wd', 'a', '-o', 'jsonpath={.metadata.resourceVersion}')
    expect(await kubectl('apply', '-f', widget(), '-f', deployment())).toMatch(/a unchanged\n.*web unchanged/)
    expect(await kubectl('get', 'wd', 'a', '-o', 'jsonpath={.metadata.resourceVersion}')).toBe(version)
    await kubectl('apply', '-f', widget('{replicas: 3}'))
    expect(JSON.parse(await kubectl('get', 'wd', 'a', '-o', 'jsonpath={.spec}'))).toEqual({ replicas: 3 })
  })

  it('merges lists of built-in kinds, and keeps what others added', async () => {
    await kubectl('apply', '-f', deployment())
    const added = '{"spec":{"template":{"spec":{"containers":[{"name":"injected","image":"three"}]}}}}'
    await kubectl('patch', 'deployment', 'web', '-p', added)
    await kubectl('apply', '-f', deployment('[{name: main, image: other}]', 5))
    const spec = JSON.parse(await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec}'))
    expect(spec.replicas).toBe(5)
    expect(new Map(spec.template.spec.containers.map((each: any) => [each.name, each.image]))).toEqual(
      new Map([
        ['main', 'other'],
        ['injected', 'three'],
      ]),
    )
  })

  it('makes dry runs, on either side', async () => {
    expect(await kubectl('apply', '-f', widget(), '--dry-run=client')).toContain('created (dry run)')
    expect(await kubectl('apply', '-f', widget(), '--dry-run=server')).toContain('created (server dry run)')
    expect(await failing('get', 'wd', 'a')).toContain('widgets.test.example.com "a" not found')
    await kubectl('apply', '-f', widget())
    const { code, out } = await finished(start(['diff', '-f', widget('{replicas: 7}')]))
    expect(code).toBe(1)
    expect(out).toMatch(/-\s+replicas: 2\n\+\s+replicas: 7/)
  })

  it('shows tables, names, YAML, JSON, columns and paths', async () => {
    await kubectl('apply', '-f', widget(), '-f', pod())
    expect(lines(await kubectl('get', 'widgets'))[0]).toBe('NAME REPLICAS READY AGE')
    expect(lines(await kubectl('get', 'wd', '-o', 'wide'))[0]).toBe('NAME REPLICAS READY COLOR AGE')
    expect(lines(await kubectl('get', 'wd', '-A'))[1]).toMatch(/^default a 2 \d+s$/)
    expect(lines(await kubectl('get', 'wd,pods', '-o', 'name'))).toEqual([
      'widget.test.example.com/a',
      'pod/p',
    ])
    expect(await kubectl('get', 'wd', '-o', 'yaml')).toContain('replicas: 2')
    expect(JSON.parse(await kubectl('get', 'wd,pods', '-o', 'json')).items).toHaveLength(2)
    expect(
      lines(await kubectl('get', 'wd', '-o', 'custom-columns=N:.metadata.name,R:.spec.replicas'))[1],
    ).toBe('a 2')
    expect(await kubectl('get', 'wd', '-l', 'app=x', '-o', 'jsonpath={.items[*].metadata.name}')).toBe('a')
    expect(await kubectl('get', 'wd', '-l', 'app!=x', '-o', 'name')).toBe('')
    expect(await kubectl('get', 'wd', '--field-selector', 'metadata.name=a', '-o', 'name')).toContain('/a')
    expect(lines(await kubectl('get', 'wd', '--sort-by=.spec.replicas', '--show-labels'))[1]).toMatch(
      /app=x$/,
    )
    expect(await kubectl('get', 'all')).toContain('pod/p')
  })

  it('pages through long lists', async () => {
    for (let index = 0; index < 12; index++) {
      await store.create(WidgetKind, {
        metadata: { name: `w${index}`, namespace: 'default' },
        spec: { replicas: 1 },
      })
    }
    expect(lines(await kubectl('get', 'wd', '--chunk-size=5', '-o', 'name'))).toHaveLength(12)
  })

  it('describes, with events', async () => {
    await kubectl('apply', '-f', widget(), '-f', deployment(), '-f', pod())
    expect(await kubectl('describe', 'wd', 'a')).toMatch(/Replicas:\s+2[^]*Events:\s+<none>/)
    expect(await kubectl('describe', 'deployment', 'web')).toContain('2 desired')
    expect(await kubectl('describe', 'pod', 'p')).toMatch(/Events:\s+<none>/)
    await kubectl('get', 'events')
  })

  it('explains fields', async () => {
    const text = await kubectl('explain', 'widgets.spec', '--recursive')
    expect(text).toContain('What is wanted of a widget.')
    expect(text).toMatch(/replicas\s<integer> -required-/)
    expect(text).toMatch(/limits\s<map\[string\]string>/)
    expect(text).toMatch(/parts\s<\[\]Object>/)
    expect(text).toMatch(/enum: red, blue/)
    expect(await kubectl('explain', 'wd.metadata.labels')).toContain('map[string]string')
    await kubectl('explain', 'deployment.spec')
  })

  it('is told of misspelt fields and wrong values', async () => {
    const misspelt = widget('{replcas: 2, replicas: 1}')
    expect(await failing('apply', '-f', misspelt)).toContain(
      'strict decoding error: unknown field "spec.replcas" (did you mean "replicas"?)',
    )
    const { err } = await finished(start(['apply', '--validate=warn', '-f', misspelt]))
    expect(err).toContain('Warning: unknown field "spec.replcas"')
    const wrong = await failing('apply', '-f', widget('{replicas: x, color: green}', 'wrong'))
    expect(wrong).toContain('* spec.replicas: Invalid value: "x": must be integer')
    expect(wrong).toContain('* spec.color: Unsupported value: "green": supported values: "red", "blue"')
  })

  it('patches, labels, annotates, edits, replaces and scales', async () => {
    await kubectl('create', '-f', widget(), '-f', deployment())
    await kubectl('patch', 'wd', 'a', '--type=merge', '-p', '{"spec":{"color":"blue"}}')
    await kubectl(
      'patch',
      'wd',
      'a',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/replicas","value":9}]',
    )
    expect(await failing('patch', 'wd', 'a', '-p', '{}')).toContain(
      'strategic-merge-patch+json is not supported',
    )
    await kubectl('label', 'wd', 'a', 'x=y', 'app-')
    await kubectl('annotate', 'deployment', 'web', 'note=hi')
    const editor = file('editor.sh', '#!/bin/sh\nsed -i "s/replicas: 9/replicas: 8/" "$1"\n')
    chmodSync(editor, 0o700)
    const edited = await finished(start(['edit', 'wd', 'a'], { KUBE_EDITOR: editor }))
    expect(edited).toMatchObject({ code: 0 })
    expect(JSON.parse(await kubectl('get', 'wd', 'a', '-o', 'json'))).toMatchObject({
      spec: { replicas: 8, color: 'blue' },
      metadata: { labels: { x: 'y' } },
    })
    await kubectl('replace', '-f', widget('{replicas: 1}'))
    await kubectl('scale', 'deployment', 'web', '--replicas=6', '--current-replicas=2')
    expect(await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}')).toBe('6')
    await kubectl('set', 'image', 'deployment/web', 'main=new')
    expect(
      await kubectl('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    ).toBe('new')
  })

  it('says that server-side apply is not supported', async () => {
    expect(await failing('apply', '--server-side', '-f', widget())).toContain(
      'server-side apply is not supported',
    )
  })

  it('waits for conditions, for roll-outs and for deletion', async () => {
    await kubectl('apply', '-f', widget(), '-f', deployment())
    const key = { namespace: 'default', name: 'a' }
    const waiting = kubectl('wait', '--for=condition=Ready', 'wd/a', '--timeout=50s')
    await mutateStatus(store, WidgetKind, key, () => ({ conditions: [{ type: 'Ready', status: 'True' }] }))
    expect(await waiting).toContain('condition met')

    const rollout = kubectl('rollout', 'status', 'deployment/web', '--timeout=50s')
    await mutateStatus(store, DeploymentKind, { namespace: 'default', name: 'web' }, () => ({
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
    }))
    expect(await rollout).toContain('successfully rolled out')

    await kubectl('patch', 'wd', 'a', '--type=merge', '-p', '{"metadata":{"finalizers":["x/y"]}}')
    const deleting = kubectl('delete', 'wd', 'a', '--wait', '--timeout=50s')
    const gone = kubectl('wait', '--for=delete', 'wd/a', '--timeout=50s')
    await expect
      .poll(async () => (await store.get(WidgetKind, key))?.metadata.deletionTimestamp)
      .toBeDefined()
    await kubectl('patch', 'wd', 'a', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    await Promise.all([deleting, gone])
    expect(await store.get(WidgetKind, key)).toBeUndefined()
  })

  it('watches tables', async () => {
    await kubectl('apply', '-f', widget())
    const child = start(['get', 'wd', '-w'])
    const result = finished(child)
    let seen = ''
    child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    await expect.poll(() => seen, { timeout: 30_000 }).toMatch(/^a\s+2/m)
    await kubectl('patch', 'wd', 'a', '--type=merge', '-p', '{"spec":{"replicas":44}}')
    await expect.poll(() => seen, { timeout: 30_000 }).toMatch(/^a\s+44/m)
    child.kill()
    await result
    expect(lines(seen).filter((line) => line.startsWith('NAME'))).toHaveLength(1)
  })

  it('reads logs', async () => {
    await kubectl('apply', '-f', pod())
    expect(await kubectl('logs', 'p')).toBe('hello from p\n')
    expect(await kubectl('logs', '-f', 'p', '--tail=3')).toBe('hello from p\nand more\nthe last 3\n')
    expect(await failing('logs', 'q')).toContain('pods "q" not found')
  })

  it('deletes by name, by label, and all', async () => {
    await kubectl(
      'apply',
      '-f',
      widget('{replicas: 1}', 'a'),
      '-f',
      widget('{replicas: 1}', 'b'),
      '-f',
      pod(),
    )
    await kubectl('delete', 'wd', 'a', '--cascade=foreground')
    expect(await failing('delete', 'wd', 'a')).toContain('not found')
    await kubectl('delete', 'wd', '-l', 'app=x')
    await kubectl('delete', 'pods', '--all', '--now')
    expect(lines(await kubectl('get', 'wd,pods', '-o', 'name'))).toEqual([''])
    expect(await kubectl('delete', 'wd', 'a', '--ignore-not-found')).toBe('')
  })

  it('is told who it is and what it may, as an admin and as a viewer', async () => {
    const { token, object } = await tokens.create({ role: 'viewer', lifetimeMs: 600_000, name: 'looker' })
    const viewer = ['--token', token]
    expect(object.metadata.name).toBe('looker')
    expect(await kubectl('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.groups[0]}')).toBe(
      'system:masters',
    )
    const who = await kubectl('auth', 'whoami', ...viewer)
    expect(who).toMatch(/Username\s+tributary:token:looker/)
    expect(who).toMatch(/Groups\s+\[tributary:viewers system:authenticated\]/)

    for (const [question, admin, other] of [
      [['get', 'pods'], 'yes', 'yes'],
      [['list', 'widgets.test.example.com'], 'yes', 'yes'],
      [['create', 'widgets.test.example.com'], 'yes', 'no'],
      [['delete', 'pods'], 'yes', 'no'],
      [['get', 'pods', '--subresource=log'], 'yes', 'yes'],
      [['create', 'pods', '--subresource=exec'], 'no', 'no'],
      [['update', 'deployments.apps', '--subresource=scale'], 'yes', 'no'],
      [['get', '/healthz'], 'yes', 'yes'],
      [['post', '/tributary/v1/tokens'], 'no', 'no'],
      [['delete', '/tributary/v1/tokens/x'], 'yes', 'no'],
    ] as const) {
      const answers: string[] = []
      for (const as of [[], viewer]) {
        const child = start(['auth', 'can-i', ...question, ...as])
        child.stdin?.end()
        // The exit code is 1 where the answer is no.
        const { out, code } = await finished(child)
        const [word = ''] = out.trim().split(' ')
        expect({ question, code }).toEqual({ question, code: word === 'yes' ? 0 : 1 })
        answers.push(word)
      }
      expect([question, ...answers]).toEqual([question, admin, other])
    }

    const all = lines(await kubectl('auth', 'can-i', '--list'))
    expect(all).toContainEqual(
      expect.stringMatching(
        /^pods \[\] \[\] \[create delete deletecollection get list patch update watch\]$/,
      ),
    )
    expect(all).toContainEqual(
      expect.stringMatching(/^selfsubjectaccessreviews\.authorization\.k8s\.io .*\[create\]$/),
    )
    const looks = lines(await kubectl('auth', 'can-i', '--list', ...viewer))
    expect(looks).toContainEqual(expect.stringMatching(/^pods \[\] \[\] \[get list watch\]$/))
    expect(looks).toContainEqual(
      expect.stringMatching(/\[\/healthz\].*\[get\]$|\[.*\/healthz.*\] \[\] \[get\]$/),
    )
    expect(looks.join('\n')).not.toMatch(/delete|patch/)
  })
})
