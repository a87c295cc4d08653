import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startTestEngine, TEST_IMAGE } from '../../../../../test/support/container-engine.ts'
import { silentLog } from '../../../../kernel/log.ts'
import { realSystem } from '../../../../kernel/system.ts'
import type { ContainerSpec, PodSpecToRun, RunningContainer, RunningPod } from '../../runner.ts'
import { ContainerRunner } from './container-runner.ts'

const engine = await startTestEngine()
if (typeof engine === 'string') console.warn(`containers are not tested: ${engine}`)
afterAll(async () => {
  if (typeof engine !== 'string') await engine.stop()
}, 60_000)

const MIB = 1 << 20
const WAIT = { timeout: 20_000 }

/** The Wget of a static Busybox cannot look up names, nor does it without. */
const fetching = (url: string): string =>
  `node -e 'fetch("${url}", { signal: AbortSignal.timeout(2000) }).then((r) => r.text()).then(console.log, () => process.exit(1))'`

const stranger = (more: Partial<PodSpecToRun> = {}): PodSpecToRun => ({
  ...{ uid: 'pod-1', guest: 'stranger', hostname: 'a-pod', address: '127.0.0.1', ports: [], volumes: [] },
  group: { id: 'contract-1', limits: { memoryBytes: 256 * MIB, diskBytes: 16 * MIB } },
  ...{ egress: 'none', images: true, pullCredentials: [] },
  ...more,
})

describe.skipIf(typeof engine === 'string')('containers of an engine', () => {
  const { socketPath, docker } = engine as Exclude<typeof engine, string>
  const directory = mkdtempSync(join(tmpdir(), 'tributary-containers-'))
  const create = (of = directory): ContainerRunner =>
    new ContainerRunner({ directory: of, system: realSystem, log: silentLog, sockets: [socketPath] })
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

  describe('attacked by the program of a stranger', () => {
    let server: Server
    let port: number
    beforeEach(async () => {
      server = createServer((_, response) => response.end('reached'))
      await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
      port = (server.address() as AddressInfo).port
    })
    afterEach(() => server.close())

    const hostAddresses = (): readonly string[] =>
      Object.values(networkInterfaces()).flatMap((all) =>
        (all ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address),
      )

    const knock = (addresses: readonly string[]): string =>
      addresses.map((address) => fetching(`http://${address}:${port}/`)).join('; ')

    it('who knocks at every address of the host, and at that of the metadata: none answers', async () => {
      const addresses = [...hostAddresses(), '169.254.169.254']
      expect(addresses.length).toBeGreaterThan(2)
      const attack = await run(
        await runner.makePod(stranger()),
        `${knock(addresses)}; ping -c 1 -w 2 ${addresses[1]}; echo done`,
      )
      await attack.container.exited
      expect(attack.said()).toContain('done')
      expect(attack.said()).not.toContain('reached')
      expect(attack.said()).not.toContain('1 packets received')
      // With the network that the owner's own pods have, the very same finds the host.
      const own = await runner.makePod(stranger({ uid: 'pod-2', guest: 'own', egress: 'all' }))
      const control = await run(own, knock(addresses))
      await control.container.exited
      expect(control.said()).toContain('reached')
    }, 60_000)

    it('who listens and knocks at another guest: they share no network', async () => {
      const one = await runner.makePod(stranger({ ports: [8080] }))
      await run(one, 'echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp')
      await vi.waitFor(
        async () =>
          expect(await one.probe({ kind: 'tcp', port: 8080 }, AbortSignal.timeout(2_000))).toBeUndefined(),
        WAIT,
      )
      const two = await runner.makePod(stranger({ uid: 'pod-2', group: { id: 'contract-2', limits: {} } }))
      const attack = await run(two, `${fetching(`http://${one.address}:8080/index.html`)} || echo refused`)
      await attack.container.exited
      expect(attack.said()).toContain('refused')
      // A container of the same pod finds it.
      const control = await run(one, fetching('http://127.0.0.1:8080/index.html'), {
        id: 'pod-1.second',
      })
      await control.container.exited
      expect(control.said()).toContain('hello')
    }, 60_000)

    it('who looks for files, processes, devices and privileges of the host', async () => {
      const pod = await runner.makePod(stranger())
      const attack = await run(
        pod,
        `cat ${join(directory, 'x')} /etc/shadow 2>&1; ls /var/run/docker.sock ${socketPath} /tributary 2>&1
         ls /proc | grep -c '^[0-9]'; grep -i CapEff /proc/self/status; grep NoNewPrivs /proc/self/status
         mount -t tmpfs x /tmp 2>&1 || echo no mount; mknod /tmp/sda b 8 0 2>&1 || echo no device; cat /proc/1/root/etc/hostname`,
      )
      await attack.container.exited
      const said = attack.said()
      expect(said).toContain('no mount')
      expect(said).toContain('no device')
      expect(said).toMatch(/CapEff:\s+0000000000000000/)
      expect(said).toMatch(/NoNewPrivs:\s+1/)
      expect(said.match(/No such file/g)?.length).toBeGreaterThanOrEqual(4)
      // With the privileges that an engine gives by itself, a device is made.
      const own = await runner.makePod(stranger({ uid: 'pod-2', guest: 'own' }))
      const control = await run(own, 'mknod /tmp/sda b 8 0 && echo made')
      await control.container.exited
      expect(control.said()).toContain('made')
    }, 60_000)

    it('who fills the disk of the host is ended', async () => {
      const pod = await runner.makePod(stranger())
      const { container } = await run(pod, 'dd if=/dev/zero of=/tmp/x bs=1M count=64; sleep 100')
      expect((await container.exited).code).toBe(137)
    }, 30_000)
  })
})
