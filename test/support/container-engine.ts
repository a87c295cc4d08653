/**
 * A container engine for tests: the one that answers on this machine, else a Docker Engine of the test's own where the
 * test is root and `dockerd` is installed. And an image that is made here: nothing is ever pulled.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import Docker from 'dockerode'
import { realSystem, sleep } from '../../src/kernel/system.ts'
import { engineSockets, findEngine } from '../../src/fabric/embedded/runners/container/find-engine.ts'

export interface TestEngine {
  readonly socketPath: string
  readonly docker: Docker
  stop(): Promise<void>
}

/** Has `sh` and the like, `node`, and nothing else. */
export const TEST_IMAGE = 'tributary-test:1'
const READY_MS = 30_000

/** @returns the engine, or why there is none */
export async function startTestEngine(): Promise<TestEngine | string> {
  const found = await findEngine(
    engineSockets({ ...process.env, DOCKER_HOST: process.env['TEST_DOCKER_HOST'] }),
  )
  if (!('reasons' in found)) {
    await makeTestImage(found.docker)
    return { socketPath: found.socketPath, docker: found.docker, stop: async () => {} }
  }
  if (process.getuid?.() !== 0) return `${found.reasons}, and only root can start one`
  const dockerd = ['/usr/sbin/dockerd', '/usr/bin/dockerd'].find((path) => existsSync(path))
  if (dockerd === undefined) return `${found.reasons}, and dockerd is not installed`
  return startDockerd(dockerd)
}

async function startDockerd(dockerd: string): Promise<TestEngine | string> {
  const directory = mkdtempSync(join(tmpdir(), 'tributary-dockerd-'))
  const socketPath = join(directory, 'docker.sock')
  const at = (name: string): string => join(directory, name)
  const options = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')]
  const daemon = spawn(dockerd, ['--host', `unix://${socketPath}`, ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  daemon.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_096)))
  const docker = new Docker({ socketPath })
  const stop = async (): Promise<void> => {
    await stopped(daemon)
    rmSync(directory, { recursive: true, force: true })
  }
  const { clock } = realSystem
  const end = clock.monotonic() + READY_MS
  for (;;) {
    if (await docker.ping().catch(() => false)) break
    if (daemon.exitCode !== null || clock.monotonic() > end) {
      await stop()
      return `dockerd cannot run on this machine: ${said.trim().split('\n').at(-1) ?? ''}`
    }
    await sleep(clock, 100, new AbortController().signal)
  }
  await makeTestImage(docker)
  return { socketPath, docker, stop }
}

async function stopped(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return
  const exited = once(daemon, 'exit')
  daemon.kill('SIGTERM')
  await exited
}

async function makeTestImage(docker: Docker): Promise<void> {
  const there = await docker
    .getImage(TEST_IMAGE)
    .inspect()
    .catch(() => undefined)
  if (there !== undefined) return
  const root = mkdtempSync(join(tmpdir(), 'tributary-image-'))
  try {
    for (const path of ['bin', 'tmp', 'root', 'etc']) mkdirSync(join(root, path))
    copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
    const names = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')
    for (const name of names) if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name))
    const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
    for (const [, path] of libraries.matchAll(/(?:=>\s+)?(\/\S+)\s+\(0x/g)) {
      mkdirSync(join(root, dirname(path!)), { recursive: true })
      copyFileSync(path!, join(root, path!))
    }
    copyFileSync(process.execPath, join(root, 'bin/node'))
    const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [repo, tag] = TEST_IMAGE.split(':')
    const stream = await docker.importImage(tar.stdout, { repo, tag, changes: ['ENV PATH=/bin'] })
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()))
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
