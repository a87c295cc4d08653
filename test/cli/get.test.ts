import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { EventKind } from '../../src/objects/core/event.ts'
import { IntentKind } from '../../src/objects/intent.ts'
import { POOL_LABEL, PoolShardKind } from '../../src/objects/pool-shard.ts'
import { PoolKind } from '../../src/objects/pool.ts'
import { SolverKind } from '../../src/objects/solver.ts'
import { intentYaml, setStatus, startControl, type TestControl } from './support/control.ts'
import { run as runAnywhere, temporaryFolder } from './support/run.ts'

async function withIntents(...names: readonly string[]): Promise<TestControl> {
  const control = await startControl()
  await control.run(['apply', '-f', '-'], { stdin: names.map((name) => intentYaml(name)).join('---\n') })
  return control
}

describe('tributary get', () => {
  it('prints the columns of the kind, more of them when wide', async () => {
    const { run, store } = await withIntents('hello')
    await setStatus(
      store,
      IntentKind,
      { namespace: 'default', name: 'hello' },
      {
        phase: 'Running',
        nodes: 'vnode-1',
        message: 'all is well',
      },
    )
    const plain = await run(['get', 'intents'])
    expect(plain.out).toMatch(/^NAME +PHASE +NODE +URL +AGE\nhello +Running +vnode-1 +<none> +\d+s\n$/)
    expect((await run(['get', 'in', '-o', 'wide'])).out).toContain('all is well')
    expect((await run(['get', 'intent', '--no-headers'])).out).toMatch(/^hello /)
  })

  it('shortens node ids for people, and only for them', async () => {
    const id = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
    const { run, store } = await withIntents('hello')
    const key = { namespace: 'default', name: 'hello' }
    await setStatus(store, IntentKind, key, { phase: 'Pending', nodes: id, message: `waiting for ${id}` })
    expect((await run(['get', 'intents'])).out).toMatch(/\nhello +Pending +z6MkpT…vktH +<none> /)
    const wide = (await run(['get', 'intents', '-o', 'wide'])).out
    expect(wide).toContain(id)
    expect(wide).toContain('waiting for z6MkpT…vktH')
    expect((await run(['describe', 'intent', 'hello'])).out).toContain('Message: waiting for z6MkpT…vktH')
    for (const format of ['json', 'yaml']) {
      expect((await run(['get', 'intent', 'hello', '-o', format])).out).toContain(`waiting for ${id}`)
    }
  })

  it('finds kinds by plural, singular, short name, kind and group, and several at once', async () => {
    const { run } = await withIntents('hello')
    for (const word of [
      'intents',
      'intent',
      'in',
      'Intent',
      'intents.tributary.io',
      'intents.v1alpha1.tributary.io',
    ]) {
      expect((await run(['get', word, '-o', 'name'])).out, word).toBe('intent.tributary.io/hello\n')
    }
    const { out, err } = await run(['get', 'pods,intents'])
    expect(out).toContain('intent.tributary.io/hello')
    expect(err).toBe('')
  })

  it('prints one object alone and several as a list, as JSON and as YAML', async () => {
    const { run } = await withIntents('hello', 'world')
    const one = JSON.parse((await run(['get', 'intent', 'hello', '-o', 'json'])).out)
    expect(one).toMatchObject({
      apiVersion: 'tributary.io/v1alpha1',
      kind: 'Intent',
      metadata: { name: 'hello' },
    })
    const all = parse((await run(['get', 'intents', '-o', 'yaml'])).out)
    expect(all.kind).toBe('List')
    expect(all.items.map((item: any) => item.metadata.name)).toEqual(['hello', 'world'])
  })

  it('selects by labels', async () => {
    const { run } = await withIntents('hello', 'world')
    expect((await run(['get', 'intents', '-l', 'app=world', '-o', 'name'])).out).toBe(
      'intent.tributary.io/world\n',
    )
  })

  it('says where it looked when there is nothing, and suggests the right kind for a wrong one', async () => {
    const { run } = await startControl()
    expect(await run(['get', 'intents'])).toEqual({
      code: 0,
      out: '',
      err: 'No intents found in namespace default.\n',
    })
    expect(await run(['get', 'intent', 'nope'])).toMatchObject({
      code: 3,
      err: 'error: intents.tributary.io "nope" not found\n',
    })
    const wrong = await run(['get', 'inents'])
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('did you mean "intents"?')
  })

  it('goes on with every change until it is interrupted', async () => {
    const { begin, run, store } = await withIntents('hello')
    const interrupt = new AbortController()
    const watching = begin(['get', 'intents', '-w'], { signal: interrupt.signal })
    await expect.poll(() => watching.out).toContain('hello')
    await setStatus(
      store,
      IntentKind,
      { namespace: 'default', name: 'hello' },
      {
        phase: 'Running',
      },
    )
    await expect.poll(() => watching.out).toMatch(/hello +Running/)
    await run(['apply', '-f', '-'], { stdin: intentYaml('later') })
    await expect.poll(() => watching.out).toContain('later')
    expect(watching.out.match(/NAME/g)).toHaveLength(1)
    interrupt.abort()
    await watching.done
  })

  it('cannot be fooled into moving the cursor by what a stranger wrote', async () => {
    const { run, store } = await withIntents('hello')
    await setStatus(
      store,
      IntentKind,
      { namespace: 'default', name: 'hello' },
      {
        message: 'fine\u001b[2J\r\nNAME FAKE',
      },
    )
    const { out } = await run(['get', 'intents', '-o', 'wide'])
    expect(out).toContain('fine\\x1b[2J\\x0d NAME FAKE')
    expect(out.trimEnd().split('\n')).toHaveLength(2)
  })
})

describe('tributary describe', () => {
  it('shows what was considered for an intent, its endpoints and its events', async () => {
    const { run, store } = await withIntents('hello')
    const key = { namespace: 'default', name: 'hello' }
    await store.create(SolverKind, { metadata: key, spec: { intentID: 'hello' } })
    await setStatus(store, SolverKind, key, {
      considered: [
        {
          flavorID: 'cheap',
          providerID: 'p1',
          verdict: 'taken',
          reason: 'best-score',
          score: 0.9,
          scores: { price: 1 },
        },
        {
          flavorID: 'small',
          providerID: 'p2',
          verdict: 'rejected',
          reason: 'cpu-short',
          detail: '8 wanted, 4 offered',
        },
      ],
    })
    await setStatus(store, IntentKind, key, {
      phase: 'Running',
      requests: [{ name: 'web', workload: 'hello', solver: 'hello' }],
      endpoints: [{ name: 'http', port: 8080, url: 'http://127.0.0.1:4711' }],
    })
    await store.create(EventKind, {
      metadata: { namespace: 'default', name: 'e1' },
      involvedObject: { kind: 'Intent', name: 'hello' },
      type: 'Normal',
      reason: 'Placed',
      message: 'it found a place',
      lastTimestamp: '2026-01-01T00:00:00Z',
    })
    const { out } = await run(['describe', 'intent', 'hello'])
    expect(out).toMatch(/taken +best-score +0\.9000 +p1/)
    expect(out).toMatch(/rejected +cpu-short/)
    expect(out).toContain('8 wanted, 4 offered')
    expect(out).toContain('http://127.0.0.1:4711')
    expect(out).toMatch(/Normal +Placed .* it found a place/)
  })

  it('shows the ledger of a pool, with the names of resources as they are', async () => {
    const { run, store } = await startControl()
    const key = { namespace: 'default', name: 'compute' }
    await store.create(PoolKind, {
      metadata: key,
      spec: {
        flavorType: 'k8slice',
        capacity: { cpu: '4' },
        partition: {},
        data: {},
        price: { amount: '1', currency: 'EUR', period: 'hour' },
      },
    })
    await store.create(PoolShardKind, {
      metadata: { ...key, name: 'compute-0', labels: { [POOL_LABEL]: 'compute' } },
      spec: { poolName: 'compute' },
      status: {
        revision: 1,
        capacity: { cpu: '4' },
        free: { cpu: '3' },
        entries: [
          {
            id: 't1',
            state: 'held',
            contractID: 'contract-1',
            buyer: 'did:key:z6MkBuyer',
            flavorID: 'f',
            amounts: { cpu: '1' },
            expiresAt: '2026-01-01T00:00:00Z',
          },
        ],
      },
    })
    const { out } = await run(['describe', 'pool/compute'])
    expect(out).toContain('    cpu: 4\n')
    expect(out).toMatch(/held +cpu 1 +contract-1/)
  })
})

describe('tributary delete', () => {
  it('deletes by name, by file and by label, and says what is not there', async () => {
    const { run, store } = await withIntents('a', 'b', 'c')
    expect((await run(['delete', 'intent', 'a'])).out).toBe('intent.tributary.io/a deleted\n')
    expect((await run(['delete', '-f', '-'], { stdin: intentYaml('b') })).out).toBe(
      'intent.tributary.io/b deleted\n',
    )
    expect((await run(['delete', 'intents', '-l', 'app=c'])).out).toBe('intent.tributary.io/c deleted\n')
    expect((await store.list(IntentKind)).items).toEqual([])
    expect((await run(['delete', 'intent', 'a'])).code).toBe(3)
    expect((await run(['delete', 'intent', 'a', '--ignore-not-found'])).code).toBe(0)
    expect((await run(['delete', 'intents'])).code).toBe(2)
  })

  it('waits until the last finalizer is gone, telling what it waits for', async () => {
    const { begin, store } = await withIntents('hello')
    const key = { namespace: 'default', name: 'hello' }
    const stored = (await store.get(IntentKind, key))!
    await store.update(IntentKind, {
      ...stored,
      metadata: { ...stored.metadata, finalizers: ['tributary.io/intent'] },
    })
    const deleting = begin(['delete', 'intent', 'hello', '--wait'])
    await expect.poll(() => deleting.err).toContain('waiting: finalizers tributary.io/intent')
    await setStatus(store, IntentKind, key, { phase: 'Deleting', message: 'closing the contract' })
    await expect.poll(() => deleting.err).toContain('waiting: Deleting: closing the contract')
    const marked = (await store.get(IntentKind, key))!
    await store.update(IntentKind, { ...marked, metadata: { ...marked.metadata, finalizers: [] } })
    expect(await deleting.done).toMatchObject({ code: 0, out: 'intent.tributary.io/hello deleted\n' })
    expect(deleting.err).toContain('intent.tributary.io/hello is gone')
  })
})

describe('the node that is meant', () => {
  it('is said to be missing or stopped, with what to do about it', async () => {
    const cwd = temporaryFolder()
    const missing = await runAnywhere(['get', 'pods', '--dir', 'alpha'], { cwd })
    expect(missing).toMatchObject({ code: 4, out: '' })
    expect(missing.err).toContain(`there is no node in ${cwd}/alpha`)
    expect(missing.err).toContain(`tributary init --dir ${cwd}/alpha`)
    await runAnywhere(['init', '--dir', 'alpha', '--name', 'alpha'], { cwd })
    const stopped = await runAnywhere(['get', 'pods'], { cwd, env: { TRIBUTARY_DIR: 'alpha' } })
    expect(stopped.code).toBe(4)
    expect(stopped.err).toContain(`tributary start --dir ${cwd}/alpha`)
  })

  it('does not answer: who, where and why', async () => {
    const { code, err } = await runAnywhere(['get', 'pods', '--server', 'https://127.0.0.1:1'])
    expect(code).toBe(4)
    expect(err).toBe('error: no answer from the node at https://127.0.0.1:1: nobody listens there\n')
    expect((await runAnywhere(['get', 'pods', '--server', 'ftp://x'])).code).toBe(2)
  })

  it('can be named before the verb as well as after it', async () => {
    const { url } = await startControl()
    expect((await runAnywhere(['--server', url, 'get', 'pods'])).code).toBe(0)
    expect((await runAnywhere(['get', 'pods', '--server', url])).code).toBe(0)
  })
})

describe('the command line', () => {
  it('suggests the right verb for a wrong one', async () => {
    const { code, err } = await runAnywhere(['aply'])
    expect(code).toBe(2)
    expect(err).toContain('Did you mean apply?')
  })

  it('shows examples in the help of every verb', async () => {
    const { out } = await runAnywhere(['--help'])
    const verbs = [...out.matchAll(/^ {2}([a-z][a-z-]+)(?= )/gm)].map(([, verb]) => verb!)
    expect(verbs).toEqual(
      expect.arrayContaining(['demo', 'init', 'start', 'apply', 'get', 'trace', 'plan', 'contract']),
    )
    for (const verb of verbs.filter(
      (each) => !['help', 'version', 'tributary', 'api-resources'].includes(each),
    )) {
      const help = await runAnywhere([verb, '--help'])
      expect(help.code, verb).toBe(0)
      expect(help.out, verb).toContain(`tributary ${verb}`)
    }
  })

  it('explains fields from the description that the API gives of itself', async () => {
    const { run } = await startControl()
    const { out } = await run(['explain', 'intent.spec.placement'])
    expect(out).toContain('Where it may run')
    expect((await run(['explain', 'intent.spec.placment'])).err).toContain('did you mean "placement"?')
  })
})
