import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { describeRunner } from '../../../../../test/conformance/runner.ts'
import { startTestEngine, TEST_IMAGE } from '../../../../../test/support/container-engine.ts'
import { startImageRegistry } from '../../../../../test/support/image-registry.ts'
import { silentLog } from '../../../../kernel/log.ts'
import { realSystem } from '../../../../kernel/system.ts'
import type { ContainerSpec, PodSpecToRun, RunningContainer, RunningPod } from '../../runner.ts'
import { GroupBudgets } from '../group-budgets.ts'
import { ContainerRunner } from './container-runner.ts'

const engine = await startTestEngine()
if (typeof engine === 'string') console.warn(`containers are not tested: ${engine}`)
afterAll(async () => {
  if (typeof engine !== 'string') await engine.stop()
}, 60_000)

const MIB = 1 << 20
const WAIT = { timeout: 20_000 }

const stranger = (more: Partial<PodSpecToRun> = {}): PodSpecToRun => ({
  ...{ uid: 'pod-1', guest: 'stranger', hostname: 'a-pod', address: '127.0.0.1', ports: [], volumes: [] },
  group: { id: 'contract-1', limits: { memoryBytes: 256 * MIB, diskBytes: 16 * MIB } },
  ...{ egress: 'none', images: true, pullCredentials: [] },
  ...more,
})

describe.skipIf(typeof engine === 'string')('containers of an engine', () => {
  const { socketPath, docker } = engine as Exclude<typeof engine, string>
  const directory = mkdtempSync(join(tmpdir(), 'tributary-containers-'))
  const create = (of = directory, imageBytes?: number): ContainerRunner =>
    new ContainerRunner({
      directory: of,
      ...(imageBytes !== undefined && { imageBytes }),
      system: realSystem,
      log: silentLog,
      sockets: [socketPath],
      budgets: new GroupBudgets({ diskBytes: 16 * MIB }),
    })
  describeRunner('container runner', { create: () => create(), image: TEST_IMAGE })

  let runner: ContainerRunner
  beforeEach(async () => {
    runner = create()
    await runner.start()
  }, 60_000)
  afterEach(() => runner.stop(), 60_000)
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const ours = async (): Promise<number> =>
    (await docker.listContainers({ all: true, filters: { label: ['io.tributary.node'] } })).length

  async function run(
    pod: RunningPod,
    script: string,
    more: Partial<ContainerSpec> = {},
  ): Promise<{ readonly container: RunningContainer; readonly said: () => string }> {
    let said = ''
    const container = await pod.run({
      ...{ id: 'pod-1.main', name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never' },
      ...{
        command: ['sh', '-c', script],
        env: {},
        mounts: [],
        security: {},
        limits: { memoryBytes: 128 * MIB },
      },
      output: (chunk) => void (said += chunk.toString()),
      ...more,
    })
    return { container, said: () => said }
  }

  it('run images: their program, environment, output, exit code and end', async () => {
    const pod = await runner.makePod(stranger())
    const { container, said } = await run(pod, 'echo "$GREETING"; echo err >&2; exit 3', {
      env: { GREETING: 'a  b' },
    })
    expect(await container.exited).toEqual({ code: 3, signal: null, oomKilled: false })
    expect(said()).toContain('a  b\n')
    expect(said()).toContain('err\n')
    const deaf = await run(pod, 'trap "" TERM; echo ready; while :; do sleep 0.1; done')
    await vi.waitFor(() => expect(deaf.said()).toContain('ready'), WAIT)
    expect((await deaf.container.kill(100)).code).toBe(137)
  }, 60_000)

  it('answer on declared ports through a socket, share volumes and take commands', async () => {
    const volumes = [{ kind: 'empty', name: 'data', sizeBytes: MIB } as const]
    const pod = await runner.makePod(stranger({ ports: [8080], volumes }))
    const mounts = [{ volume: 'data', mountPath: '/data', readOnly: false }]
    const { container } = await run(
      pod,
      'echo hello > /data/index.html; exec httpd -f -p 127.0.0.1:8080 -h /data',
      {
        mounts,
      },
    )
    const target = { kind: 'http', scheme: 'http', port: 8080, path: '/index.html', headers: {} } as const
    await vi.waitFor(
      async () => expect(await pod.probe(target, AbortSignal.timeout(2_000))).toBeUndefined(),
      WAIT,
    )
    expect(pod.reach(8081)).toBeUndefined()
    const second = await run(
      pod,
      'cat /data/index.html; dd if=/dev/zero of=/data/x bs=1M count=5; ls -l /data/x',
      {
        mounts,
      },
    )
    await second.container.exited
    expect(second.said()).toContain('hello')
    expect(second.said()).toContain('No space left')
    let heard = ''
    const exec = await container.exec({
      command: ['sh', '-c', 'echo beside; exit 4'],
      output: (b) => void (heard += b.toString()),
    })
    expect((await exec.exited).code).toBe(4)
    expect(heard).toContain('beside')
    await pod.remove()
    expect(await ours()).toBe(0)
    const { Volumes } = await docker.listVolumes()
    expect((Volumes ?? []).filter(({ Name }) => Name.startsWith('tributary-'))).toEqual([])
  }, 60_000)

  it('keep to their memory and their number of processes', async () => {
    expect(runner.enforces).toMatchObject({ cpu: 'kernel', memory: 'kernel', pids: 'kernel' })
    const pod = await runner.makePod(stranger())
    const hog = 'const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 10)'
    const { container } = await run(pod, '', {
      command: ['node', '-e', hog],
      limits: { memoryBytes: 100 * MIB },
    })
    expect(await container.exited).toMatchObject({ oomKilled: true })
    const many = 'i=0; while [ $i -lt 80 ]; do sleep 30 & i=$((i+1)); done; echo all'
    const forks = await run(pod, many, { limits: { pids: 40 } })
    await forks.container.exited
    expect(forks.said()).not.toContain('all\n')
  }, 60_000)

  it('are no more than their contract: what it has of processes is shared out', async () => {
    const pod = await runner.makePod(stranger({ group: { id: 'small', limits: { pids: 40 } } }))
    const idle = 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; sleep 100'
    const limits = { memoryBytes: 64 * MIB }
    const first = await run(pod, idle, { limits })
    const second = await run(pod, idle, { limits })
    await vi.waitFor(() => expect(Number(first.said())).toBe(16), WAIT)
    await expect(run(pod, idle, { limits })).rejects.toThrow('40 processes')
    await second.container.kill(0)
    await run(pod, idle, { limits })
  }, 60_000)

  it('say what is wrong with an image, in words that the kubelet knows', async () => {
    const pod = await runner.makePod(stranger())
    await expect(run(pod, '', { image: 'none:1' })).rejects.toMatchObject({ code: 'image-not-present' })
    await expect(run(pod, '', { image: 'No Name' })).rejects.toMatchObject({ code: 'image-name-invalid' })
    const pulled = run(pod, '', { image: '127.0.0.1:1/none:1', imagePullPolicy: 'IfNotPresent' })
    await expect(pulled).rejects.toMatchObject({ code: 'image-pull-failed' })
    const asRoot = run(pod, '', { security: { runAsNonRoot: true } })
    await expect(asRoot).rejects.toThrow('will run as root')
    const { container, said } = await run(pod, 'id -u', { security: { runAsNonRoot: true, runAsUser: 4242 } })
    await container.exited
    expect(said().trim()).toBe('4242')
  }, 60_000)

  it('have images pulled up to a quota, which go with the last contract that uses them', async () => {
    const registry = await startImageRegistry({ small: 1 << 20, large: 12 << 20 })
    onTestFinished(() => registry.close())
    await runner.stop()
    runner = create(directory, 10 * MIB)
    await runner.start()
    const [small, large] = [`${registry.host}/small:1`, `${registry.host}/large:1`]
    const isThere = (image: string): Promise<boolean> =>
      docker
        .getImage(image)
        .inspect()
        .then(
          () => true,
          () => false,
        )
    const command = ['/busybox', 'true']
    const one = { id: 'contract-1', limits: {} }
    const two = { id: 'contract-2', limits: {} }
    const pods = await Promise.all(
      [one, two].map((group, index) => runner.makePod(stranger({ uid: `pod-${index}`, group }))),
    )
    for (const pod of pods) {
      const { container } = await run(pod, '', { image: small, imagePullPolicy: 'IfNotPresent', command })
      expect((await container.exited).code).toBe(0)
    }
    const tooLarge = run(pods[0]!, '', { image: large, imagePullPolicy: 'IfNotPresent', command })
    await expect(tooLarge).rejects.toMatchObject({ code: 'image-pull-failed' })
    await expect(tooLarge).rejects.toThrow('guests.images')
    expect(await isThere(large)).toBe(false)
    await runner.removeGroup('contract-1')
    expect(await isThere(small)).toBe(true)
    // Remembered by the next life.
    await runner.stop()
    runner = create(directory, 10 * MIB)
    await runner.start()
    await runner.removeGroup('contract-2')
    expect(await isThere(small)).toBe(false)
    // What was there before stays.
    const kept = await runner.makePod(stranger())
    await (
      await run(kept, 'true')
    ).container.exited
    await runner.removeGroup('contract-1')
    expect(await isThere(TEST_IMAGE)).toBe(true)
  }, 60_000)

  it('that an earlier life of the node left are gone after its next start; those of another node stay', async () => {
    await run(await runner.makePod(stranger()), 'sleep 1000')
    const other = create(join(directory, 'other'))
    await other.start()
    try {
      await run(await other.makePod(stranger({ uid: 'pod-2' })), 'sleep 1000')
      expect(await ours()).toBe(4)
      // Nobody stopped the first: as after SIGKILL.
      await create().start()
      expect(await ours()).toBe(2)
    } finally {
      await other.stop()
    }
    expect(await ours()).toBe(0)
  }, 90_000)
})
