/**
 * What every runner keeps, whatever it is made of. A file beside each runner gives it one; what a runner says that it
 * does not enforce is not asked of it.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ContainerSpec, Runner, RunningContainer, RunningPod } from '../../src/fabric/embedded/index.ts'
import { podToRun } from '../support/pod-to-run.ts'

export interface RunnerUnderTest {
  /** Not started. */
  readonly create: () => Promise<Runner> | Runner
  /** What runs the commands of the suite: of runners with images, one that has `sh` and `node`. */
  readonly image?: string
  /** `node`, as containers call it. */
  readonly node?: string
  /** Whether the kernel keeps what a group writes; else what it writes is watched, or not. */
  readonly limitsDisk?: boolean
}

const MIB = 1024 * 1024
const WAIT = { timeout: 20_000 }

/** Runs a shell script in the pod. */
export async function runScript(
  pod: RunningPod,
  script: string,
  { image, ...more }: Partial<ContainerSpec> = {},
): Promise<{ readonly container: RunningContainer; readonly said: () => string }> {
  let said = ''
  const container = await pod.run({
    id: 'pod-1.main',
    name: 'main',
    ...(image !== undefined && { image }),
    command: ['sh', '-c', script],
    env: pod.path === undefined ? {} : { PATH: pod.path },
    mounts: [],
    security: {},
    limits: { memoryBytes: 256 * MIB },
    output: (chunk) => {
      said += chunk.toString()
    },
    ...more,
  })
  return { container, said: () => said }
}

export function describeRunner(
  name: string,
  { create, image, node = 'node', limitsDisk = false }: RunnerUnderTest,
): void {
  describe(`${name}: the promises of a runner`, () => {
    let runner: Runner
    beforeEach(async () => {
      runner = await create()
      await runner.start()
    })
    afterEach(async () => {
      await runner.stop()
    })
    const run = (pod: RunningPod, script: string, more: Partial<ContainerSpec> = {}) =>
      runScript(pod, script, { ...(image !== undefined && { image }), ...more })

    /** Where a runner mounts nothing, it says so instead of running a program without its volume. */
    const expectRefusedMounts = async (): Promise<void> => {
      const pod = await runner.makePod(podToRun({ volumes: [{ kind: 'empty', name: 'data' }] }))
      const mounts = [{ volume: 'data', mountPath: '/data', readOnly: false }]
      await expect(run(pod, 'true', { mounts })).rejects.toMatchObject({ code: 'unsupported' })
    }

    it('gives back output and exit code, and shows a program its environment', async () => {
      const pod = await runner.makePod(podToRun())
      const { container, said } = await run(pod, 'echo "$GREETING"; echo err >&2; exit 3', {
        env: { PATH: pod.path ?? '/bin:/usr/bin', GREETING: 'two  words' },
      })
      expect(await container.exited).toEqual({ code: 3, signal: null, oomKilled: false })
      expect(said()).toContain('two  words\n')
      expect(said()).toContain('err\n')
    })

    it('lets a program end by itself when it is asked to, and makes one end that does not want to', async () => {
      const pod = await runner.makePod(podToRun())
      const polite = await run(pod, 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done')
      await vi.waitFor(() => expect(polite.said()).toContain('ready'), WAIT)
      expect((await polite.container.kill(20_000)).code).toBe(9)
      const deaf = await run(pod, 'trap "" TERM; echo ready; while :; do sleep 0.1; done', {
        id: 'pod-1.deaf',
      })
      await vi.waitFor(() => expect(deaf.said()).toContain('ready'), WAIT)
      const exit = await deaf.container.kill(100)
      expect(exit.signal === 'SIGKILL' || exit.code === 137).toBe(true)
    })

    it('runs a command beside a container, and says how it ended', async () => {
      const pod = await runner.makePod(podToRun())
      const { container } = await run(pod, 'echo shared > "$HOME/file"; sleep 100', {
        env: { PATH: pod.path ?? '/bin:/usr/bin', HOME: pod.home ?? '/tmp' },
      })
      await vi.waitFor(async () => {
        let said = ''
        const output = (chunk: Buffer): void => void (said += chunk.toString())
        const found = await container.exec({ command: ['sh', '-c', 'cat "$HOME/file"; exit 4'], output })
        expect((await found.exited).code).toBe(4)
        expect(said).toBe('shared\n')
      }, WAIT)
      await container.kill(0)
    })

    it('reaches the declared ports of a pod, and no others, and probes them', async () => {
      const pod = await runner.makePod(podToRun({ ports: [18_080] }))
      const { signal } = new AbortController()
      const tcp = () => pod.probe({ kind: 'tcp', port: 18_080 }, signal)
      expect(await tcp()).toBeDefined()
      const server = `require('http').createServer((q, r) => { r.statusCode = q.url === '/good' ? 200 : 500; r.end('hello') }).listen(18080)`
      const { container } = await run(pod, `exec ${node} -e "$1"`, {
        command: ['sh', '-c', `exec ${node} -e "$1"`, 'sh', server],
      })
      await vi.waitFor(async () => expect(await tcp()).toBeUndefined(), WAIT)
      const http = (path: string) =>
        pod.probe({ kind: 'http', scheme: 'http', port: 18_080, path, headers: {} }, signal)
      expect(await http('/good')).toBeUndefined()
      expect(await http('/bad')).toContain('500')
      if (runner.enforces.network === 'own') expect(pod.reach(18_081)).toBeUndefined()
      await container.kill(0)
      await vi.waitFor(async () => expect(await tcp()).toBeDefined(), WAIT)
      const reach = pod.reach(18_080)!
      if ('path' in reach) expect(await reach.isUp?.(signal)).toBe(false)
    })

    it('ends what runs in a pod with the pod, and leaves nothing of a group', async () => {
      const pod = await runner.makePod(podToRun())
      const { container, said } = await run(pod, 'sleep 1000 & echo ready; wait')
      await vi.waitFor(() => expect(said()).toContain('ready'), WAIT)
      await pod.remove()
      expect(await container.exited).toMatchObject({ oomKilled: false })
      await runner.removeGroup('contract-1')
      const again = await runner.makePod(podToRun())
      const { container: next, said: heard } = await run(again, 'ls "$HOME"', {
        env: { PATH: again.path ?? '/bin:/usr/bin', HOME: again.home ?? '/tmp' },
      })
      await next.exited
      expect(heard().trim()).toBe('')
    })

    it('keeps the memory of a container, where it says so', async ({ skip }) => {
      if (runner.enforces.memory === 'none') skip('this runner does not limit memory here')
      const pod = await runner.makePod(podToRun())
      const hog = 'const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 10)'
      const { container } = await run(pod, '', {
        command: [node, '-e', hog],
        limits: { memoryBytes: 100 * MIB },
      })
      expect(await container.exited).toMatchObject({ oomKilled: true })
    }, 60_000)

    it('keeps the number of processes, or says that it does not', async () => {
      const pod = await runner.makePod(podToRun())
      const { container, said } = await run(
        pod,
        'i=0; while [ $i -lt 80 ]; do sleep 30 & i=$((i+1)); done; echo all',
        {
          limits: { pids: 40 },
        },
      )
      await container.exited
      if (runner.enforces.pids === 'none') expect(said()).toContain('all\n')
      else expect(said()).not.toContain('all\n')
    }, 60_000)

    it('says truly whether the kernel keeps what a group writes', () => {
      expect(runner.enforces.disk === 'kernel').toBe(limitsDisk)
    })

    if (limitsDisk)
      it('keeps what a group writes, in all places together', async () => {
        const pod = await runner.makePod(podToRun({ volumes: [{ kind: 'empty', name: 'data' }] }))
        const fill = (path: string): string => `dd if=/dev/zero of=${path}/x bs=1M count=50 2>/dev/null`
        const { container, said } = await run(
          pod,
          `${fill('/tmp')}; ${fill('/dev/shm')}; ${fill('/data')}; du -cm /tmp/x /dev/shm/x /data/x | tail -1`,
          {
            mounts: [{ volume: 'data', mountPath: '/data', readOnly: false }],
          },
        )
        await container.exited
        expect(Number(said().split(/\s/)[0])).toBeLessThanOrEqual(64)
        expect(Number(said().split(/\s/)[0])).toBeGreaterThan(8)
      }, 60_000)

    it('runs a program as the user that it asks for, or says that it does not', async () => {
      const pod = await runner.makePod(podToRun())
      const asked = run(pod, 'id -u; id -g', { security: { runAsUser: 4_242, runAsGroup: 4_343 } })
      if (runner.enforces.files === 'shared') {
        await expect(asked).rejects.toMatchObject({ code: 'unsupported' })
        return
      }
      const { container, said } = await asked
      await container.exited
      expect(said().trim().split(/\s+/)).toEqual(['4242', '4343'])
    })

    it('keeps a program from writing to its root, or says that it does not', async () => {
      const pod = await runner.makePod(podToRun({ volumes: [{ kind: 'empty', name: 'data' }] }))
      const script =
        'for d in / /tmp /home /data; do (echo x > $d/x) 2>/dev/null && echo wrote $d; done; true'
      const mounts = [{ volume: 'data', mountPath: '/data', readOnly: false }]
      const asked = run(pod, script, { security: { readOnlyRootFilesystem: true }, mounts })
      if (runner.enforces.files === 'shared') {
        await expect(asked).rejects.toMatchObject({ code: 'unsupported' })
        return
      }
      const { container, said } = await asked
      await container.exited
      expect(said().trim()).toBe('wrote /data')
    })

    it('gives a volume the size that it states, and others what is left', async () => {
      if (runner.enforces.files === 'shared') return expectRefusedMounts()
      const volumes = [
        { kind: 'empty', name: 'small', sizeBytes: MIB },
        { kind: 'empty', name: 'large' },
      ] as const
      const pod = await runner.makePod(podToRun({ volumes }))
      const mounts = volumes.map(({ name }) => ({ volume: name, mountPath: `/${name}`, readOnly: false }))
      const fill =
        'for d in small large; do dd if=/dev/zero of=/$d/x bs=1M count=3 2>/dev/null && echo $d; done; true'
      const { container, said } = await run(pod, fill, { mounts })
      await container.exited
      expect(said().trim()).toBe('large')
    })

    it('shows files that are mounted, and lets nobody write them', async () => {
      if (runner.enforces.files === 'shared') return expectRefusedMounts()
      const directory = await mkdtemp(join(tmpdir(), 'tributary-files-'))
      try {
        await writeFile(join(directory, 'key'), 'value')
        await chmod(directory, 0o755)
        const pod = await runner.makePod(
          podToRun({ volumes: [{ kind: 'files', name: 'config', directory }] }),
        )
        const mounts = [{ volume: 'config', mountPath: '/etc/app', readOnly: true }]
        const { container, said } = await run(pod, 'cat /etc/app/key; echo x > /etc/app/key || echo kept', {
          mounts,
        })
        await container.exited
        expect(said()).toContain('value')
        expect(said()).toContain('kept')
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    })
  })
}
