import { describe, expect, it } from 'vitest'
import { IntentKind } from '../../src/objects/intent.ts'
import { ContractKind } from '../../src/objects/contract.ts'
import { PeerKind } from '../../src/objects/peer.ts'
import { testIdentity } from '../support/identities.ts'
import { intentYaml, setStatus, startControl } from './support/control.ts'

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: { name: x }
spec:
  selector: { matchLabels: { app: x } }
  template:
    metadata: { labels: { app: x } }
    spec:
      containers:
        - name: web
          resources: { requests: { cpu: lots } }
`
const STRANGER = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
const KEY = { namespace: 'default', name: 'hello' }

describe('tributary apply', () => {
  it('says created, then unchanged without a new version, then configured', async () => {
    const { run, store } = await startControl()
    const apply = (text: string) => run(['apply', '-f', '-'], { stdin: text })
    expect(await apply(intentYaml('hello'))).toEqual({
      code: 0,
      out: 'intent.tributary.io/hello created\n',
      err: '',
    })
    const before = await store.get(IntentKind, KEY)
    expect((await apply(intentYaml('hello'))).out).toBe('intent.tributary.io/hello unchanged\n')
    expect((await store.get(IntentKind, KEY))?.metadata.resourceVersion).toBe(
      before?.metadata.resourceVersion,
    )
    expect((await apply(intentYaml('hello', '  placement: Remote\n'))).out).toBe(
      'intent.tributary.io/hello configured\n',
    )
    expect((await store.get(IntentKind, KEY))?.spec.placement).toBe('Remote')
  })

  it('takes a field away when the manifest no longer has it, and leaves what others wrote', async () => {
    const { run, store } = await startControl()
    await run(['apply', '-f', '-'], { stdin: intentYaml('hello', '  placement: Remote\n  duration: 1h\n') })
    const stored = (await store.get(IntentKind, KEY))!
    const annotations = { ...stored.metadata.annotations, other: 'writer' }
    await store.update(IntentKind, { ...stored, metadata: { ...stored.metadata, annotations } })
    await run(['apply', '-f', '-'], { stdin: intentYaml('hello', '  duration: 1h\n') })
    const after = (await store.get(IntentKind, KEY))!
    expect(after.spec.placement).toBeUndefined()
    expect(after.spec.duration).toBe('1h')
    expect(after.metadata.annotations?.['other']).toBe('writer')
  })

  it.each([
    [
      'an unknown field',
      intentYaml('hello', '  requirments: {}\n'),
      '<stdin>:20: spec.requirments: unknown field; did you mean "requirements"?',
    ],
    [
      'a value that is none of the allowed',
      intentYaml('hello', '  placement: Anywhere\n'),
      /^<stdin>:20: spec\.placement: .*"Remote"$/,
    ],
    [
      'a bad quantity in an intent',
      intentYaml('hello').replace('500m', '15zz'),
      /^<stdin>:19: spec\.workload\[0\]\..*\.requests\.cpu: "15zz" is not a quantity/,
    ],
    [
      'a bad quantity in a plain deployment',
      DEPLOYMENT,
      /^<stdin>:11: spec\.template\..*\.requests\.cpu: "lots" is not a quantity/,
    ],
    [
      'an unknown kind',
      intentYaml('hello').replace('Intent', 'Intnt'),
      '<stdin>:2: kind: unknown kind "Intnt"; did you mean "Intent"?',
    ],
    [
      'a wrong version',
      intentYaml('hello').replace('v1alpha1', 'v1'),
      '<stdin>:1: apiVersion: there is no Intent in "tributary.io/v1"; did you mean "tributary.io/v1alpha1"?',
    ],
    ['no name', 'apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n', '<stdin>:3: metadata.name: missing'],
    ['no object', '- 1\n- 2\n', '<stdin>:1: not an object: want apiVersion, kind, metadata and spec'],
    ['what is no YAML', 'a: [1\nb: 2\n', /^<stdin>:2: not YAML: /],
    ['nothing', '# only a comment\n', 'error: no object in -'],
  ])('names file, line and field of %s, and changes nothing', async (_what, text, complaint) => {
    const { run, store } = await startControl()
    const { code, out, err } = await run(['apply', '-f', '-'], { stdin: text })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    if (typeof complaint === 'string') expect(err).toBe(`${complaint}\n`)
    else expect(err.trimEnd()).toMatch(complaint)
    expect((await store.list(IntentKind)).items).toEqual([])
  })

  it('checks all documents before it changes any, and tells of all that is wrong', async () => {
    const { run, store } = await startControl()
    const text = [
      intentYaml('good'),
      intentYaml('bad', '  plcement: Any\n'),
      intentYaml('worse').replace('Intent', 'Intend'),
    ]
    const { code, err } = await run(['apply', '-f', '-'], { stdin: text.join('---\n') })
    expect(code).toBe(1)
    expect(err.trimEnd().split('\n')).toEqual([
      '<stdin>:40: spec.plcement: unknown field; did you mean "placement"?',
      '<stdin>:43: kind: unknown kind "Intend"; did you mean "Intent"?',
    ])
    expect((await store.list(IntentKind)).items).toEqual([])
  })

  it('changes nothing in a dry run', async () => {
    const { run, store } = await startControl()
    const { out } = await run(['apply', '--dry-run', '-f', '-'], { stdin: intentYaml('hello') })
    expect(out).toBe('intent.tributary.io/hello created (dry run)\n')
    expect((await store.list(IntentKind)).items).toEqual([])
  })

  it('waits until the intent runs, telling what it waits for whenever that changes', async () => {
    const { begin, store } = await startControl()
    const running = begin(['apply', '--wait', '-f', '-'], { stdin: intentYaml('hello') })
    const say = (status: object): Promise<unknown> => setStatus(store, IntentKind, KEY, status)
    await expect.poll(() => running.err).toContain('hello: Pending')
    await say({ phase: 'Acquiring', message: 'looking for an offer' })
    await expect.poll(() => running.err).toContain('Acquiring: looking for an offer')
    await say({ phase: 'Acquiring', message: `waiting for ${STRANGER}` })
    await expect.poll(() => running.err).toContain('Acquiring: waiting for z6MkpT…vktH')
    await say({ phase: 'Running', nodes: 'vnode-1', url: 'http://127.0.0.1:1' })
    const { code, err } = await running.done
    expect(code).toBe(0)
    expect(err).toContain('intent.tributary.io/hello: Running on vnode-1 at http://127.0.0.1:1')
  })

  it('stops waiting with an error when the intent fails', async () => {
    const { begin, store } = await startControl()
    const running = begin(['apply', '--wait', '-f', '-'], { stdin: intentYaml('hello') })
    await expect.poll(() => running.err).toContain('hello: Pending')
    await setStatus(store, IntentKind, KEY, { phase: 'Failed', message: 'too large for anybody' })
    const { code, err } = await running.done
    expect(code).toBe(1)
    expect(err).toContain('too large for anybody')
    expect(err).toContain('tributary describe intent hello')
  })

  it('gives up waiting when its time is over, saying what it waited for', async () => {
    const { run } = await startControl()
    const { code, err } = await run(['apply', '--wait', '--timeout', '50ms', '-f', '-'], {
      stdin: intentYaml('hello'),
    })
    expect(code).toBe(1)
    expect(err).toContain('timed out waiting for intent.tributary.io/hello')
  })
})

describe('tributary peer', () => {
  it('ends, with reject --close, the contracts that are in force with the node, and no others', async () => {
    const { run, store } = await startControl()
    const them = testIdentity('them').id
    const other = testIdentity('other').id
    await store.create(PeerKind, {
      metadata: { name: 'peer-a' },
      spec: { address: '127.0.0.1:1', source: 'configured', nodeID: them },
    })
    const party = (nodeID: string) => ({ domain: 'd', nodeID, ip: 'x:1' })
    for (const [name, nodeID] of [
      ['contract-theirs', them],
      ['contract-other', other],
    ] as const) {
      await store.create(ContractKind, {
        metadata: { name, namespace: 'default', finalizers: ['tributary.io/contract'] },
        spec: { buyer: party(nodeID), seller: party('us'), role: 'seller' } as never,
      })
    }
    expect((await run(['peer', 'reject', 'peer-a', '--close'])).out).toBe(
      'peer 127.0.0.1:1 rejected\ncontract contract-theirs closed\n',
    )
    const isEnding = async (name: string): Promise<boolean> =>
      (await store.get(ContractKind, { name, namespace: 'default' }))?.metadata.deletionTimestamp !==
      undefined
    expect([await isEnding('contract-theirs'), await isEnding('contract-other')]).toEqual([true, false])
  })

  it('accepts, rejects and leaves to the policy by name, id or address, and knows when that is ambiguous', async () => {
    const { run, store } = await startControl()
    for (const [name, address] of [
      ['peer-a', '127.0.0.1:1'],
      ['peer-b', '127.0.0.1:2'],
    ] as const) {
      await store.create(PeerKind, { metadata: { name }, spec: { address, source: 'configured' } })
      await setStatus(store, PeerKind, { name }, { phase: 'Known', name: 'twin' })
    }
    expect((await run(['peer', 'accept', 'peer-a'])).out).toBe('peer twin accepted\n')
    expect((await store.get(PeerKind, { name: 'peer-a' }))?.spec.accepted).toBe(true)
    expect((await run(['peer', 'reject', '127.0.0.1:2'])).code).toBe(0)
    expect((await store.get(PeerKind, { name: 'peer-b' }))?.spec.accepted).toBe(false)
    expect((await run(['peer', 'reset', 'peer-a'])).out).toBe('peer twin left to the policy\n')
    expect((await store.get(PeerKind, { name: 'peer-a' }))?.spec).not.toHaveProperty('accepted')
    expect(await run(['peer', 'accept', 'twin'])).toMatchObject({ code: 2 })
    expect(await run(['peer', 'accept', 'nobody'])).toMatchObject({ code: 3 })
    expect((await run(['peer', 'list'])).out).toMatch(
      /^NAME .*\ntwin +Known +by policy .*\ntwin +Known +rejected /,
    )
  })
})
