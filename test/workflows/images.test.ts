/**
 * A Deployment that is nothing but an image is bought by one node of another, as people would: two daemons, the command
 * line, a container engine beside the seller. Both are killed in the middle; nothing is left with the engine at the end.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../cli/support/run.ts'
import { startTestEngine, TEST_IMAGE } from '../support/container-engine.ts'
import { freePort } from '../support/free-port.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const IMAGE = 'tributary-web:1'
const WAIT = { timeout: 40_000, interval: 200 }
const engine = await startTestEngine()
afterAll(async () => {
  if (typeof engine !== 'string') await engine.stop()
}, 60_000)

const INTENT = `
kind: Intent
apiVersion: tributary.io/v1alpha1
metadata: { name: web }
spec:
  workload:
    - apiVersion: apps/v1
      kind: Deployment
      metadata: { name: web }
      spec:
        selector: { matchLabels: { app: web } }
        template:
          metadata: { labels: { app: web } }
          spec:
            terminationGracePeriodSeconds: 1
            containers:
              - name: web
                image: ${IMAGE}
                imagePullPolicy: Never
                ports: [{ containerPort: 8080 }]
                # What asks in the container, as exec does.
                readinessProbe: { exec: { command: [cat, /data/index.html] }, periodSeconds: 1 }
                resources: { requests: { cpu: "1", memory: 256Mi }, limits: { cpu: "1", memory: 256Mi } }
                volumeMounts: [{ name: data, mountPath: /data }]
            volumes: [{ name: data, emptyDir: { sizeLimit: 1Mi } }]
`

describe.skipIf(typeof engine === 'string')('an image', () => {
  const { docker, socketPath } = engine as Exclude<typeof engine, string>
  const label = { filters: { label: ['io.tributary.node'] } }

  /** What of any node is with the engine. */
  async function ours(): Promise<Readonly<Record<'containers' | 'volumes' | 'networks', number>>> {
    const filters = JSON.stringify(label.filters) as never
    const { Volumes } = await docker.listVolumes({ filters })
    return {
      containers: (await docker.listContainers({ all: true, ...label })).length,
      volumes: (Volumes ?? []).length,
      networks: (await docker.listNetworks({ filters })).length,
    }
  }

  async function makeImage(): Promise<void> {
    const program =
      'echo "hello from an image" > /data/index.html; echo serving; exec httpd -f -p 8080 -h /data'
    const made = await docker.createContainer({ Image: TEST_IMAGE, Cmd: ['true'] })
    const [repo, tag] = IMAGE.split(':')
    await made.commit({ repo, tag, changes: `CMD ${JSON.stringify(['sh', '-c', program])}` })
    await made.remove()
  }

  it('is bought, runs at the seller, outlives kills of both nodes, and leaves nothing', async () => {
    await makeImage()
    const folder = temporaryFolder()
    symlinkSync(join(ROOT, 'bin'), join(folder, 'bin'))
    writeFileSync(join(folder, 'web.yaml'), INTENT)
    const port = await freePort()
    const path = `${join(folder, 'bin')}:${dirname(process.execPath)}:/usr/bin:/bin`
    const env = { PATH: path, HOME: folder, DOCKER_HOST: 'unix:///nonexistent/docker.sock' }
    const shell = (text: string): string => {
      const { stdout, stderr, status } = spawnSync('sh', ['-e', '-c', text], {
        ...{ cwd: folder, env, encoding: 'utf8' },
      })
      expect(status, `${text}\n${stdout}\n${stderr}`).toBe(0)
      return stdout
    }
    shell(`tributary domain init authority --name example.org
tributary init --dir beta --name beta --authority-dir authority --listen 127.0.0.1:${port} --sell cpu=4,memory=4Gi --allow-workloads
tributary init --dir alpha --name alpha --authority-dir authority --peer 127.0.0.1:${port} --capacity cpu=500m,memory=128Mi`)

    const daemons = new Map<string, ChildProcess>()
    const start = (name: string): void => {
      const engineOf = { ...env, ...(name === 'beta' && { DOCKER_HOST: `unix://${socketPath}` }) }
      const command = `exec tributary start --dir ${name} >> ${name}.log 2>&1`
      daemons.set(name, spawn('sh', ['-c', command], { cwd: folder, env: engineOf, stdio: 'ignore' }))
    }
    const end = async (name: string, signal: NodeJS.Signals): Promise<void> => {
      const daemon = daemons.get(name)!
      const ended = once(daemon, 'exit')
      if (daemon.kill(signal)) await ended
    }
    onTestFinished(async () => {
      for (const name of daemons.keys()) await end(name, 'SIGTERM')
    })
    start('beta')
    start('alpha')
    await vi.waitFor(() => shell('tributary --dir alpha status | grep "beta *Accepted"'), WAIT)
    expect(shell('tributary --dir beta status')).toMatch(/guests +container\b.*\(.*cpu: kernel/)
    expect(shell('tributary --dir beta get flavors -o yaml')).toMatch(/runner: container/)

    shell('tributary --dir alpha apply -f web.yaml --wait')
    const answer = async (): Promise<string> => {
      const [url = ''] =
        /http:\/\/127\.0\.0\.1:\d+/.exec(shell('tributary --dir alpha describe intent web')) ?? []
      return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text()
    }
    await vi.waitFor(async () => expect(await answer()).toContain('hello from an image'), WAIT)
    expect(shell('tributary --dir alpha logs deployment/web')).toContain('serving')
    expect(await ours()).toEqual({ containers: 2, volumes: 1, networks: 0 })

    await end('beta', 'SIGKILL')
    start('beta')
    await vi.waitFor(async () => expect(await answer()).toContain('hello from an image'), WAIT)
    expect(await ours()).toEqual({ containers: 2, volumes: 1, networks: 0 })

    const running = async (): Promise<readonly string[]> =>
      (await docker.listContainers(label)).map(({ Id }) => Id).toSorted()
    const before = await running()
    await end('alpha', 'SIGKILL')
    start('alpha')
    await vi.waitFor(async () => expect(await answer()).toContain('hello from an image'), WAIT)
    expect(await running()).toEqual(before)

    shell('tributary --dir alpha delete intent web --wait')
    await vi.waitFor(
      async () => expect(await ours()).toEqual({ containers: 0, volumes: 0, networks: 0 }),
      WAIT,
    )
    expect(shell('tributary --dir beta get contracts')).toMatch(/Closed/)
  }, 180_000)
})
