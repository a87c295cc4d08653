/**
 * The commands of the README, as somebody who follows it to the letter types them.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { temporaryFolder } from './support/run.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** @returns the blocks of commands in a section, in their order */
function commandsOf(section: string): readonly string[] {
  const [, text = ''] = readFileSync(join(ROOT, 'README.md'), 'utf8').split(`\n## ${section}\n`)
  const [until = ''] = text.split('\n## ')
  return Array.from(until.matchAll(/```sh\n(.*?)```/gs), ([, commands]) => commands!)
}

it('works as the README says, from the domain to the workload and back', async () => {
  const [make = '', start = '', use = '', kubernetes = ''] = commandsOf('Run it')
  const folder = temporaryFolder()
  for (const name of ['bin', 'examples']) symlinkSync(join(ROOT, name), join(folder, name))
  const port = await freePort()
  // The test has what `npm ci` brings, may not count on a port, and knows no PATH of the user's.
  const script = make.replace(/^npm ci$/m, '').replaceAll('7443', `${port}`)
  const env = { PATH: `${join(folder, 'bin')}:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: folder }
  const shell = (text: string) => {
    const { stdout, stderr, status } = spawnSync('sh', ['-e', '-c', text], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    expect(status, `${text}\n${stdout}\n${stderr}`).toBe(0)
    return stdout
  }
  expect(shell(script)).toContain('membership issued')

  const terminals: ChildProcess[] = []
  onTestFinished(async () => {
    await Promise.all(
      terminals.map(async (each) => {
        const ended = new Promise((resolve) => each.once('exit', resolve))
        if (each.kill()) await ended
      }),
    )
  })
  for (const line of start.trim().split('\n')) {
    terminals.push(spawn('sh', ['-c', `exec ${line}`], { cwd: folder, env, stdio: 'ignore' }))
  }
  await vi.waitFor(() => shell('tributary --dir alpha status | grep "beta *Accepted"'), {
    timeout: 30_000,
    interval: 200,
  })

  const printed = shell(use)
  expect(printed).toContain('http://127.0.0.1:')
  expect(printed).toContain('workload deployed on the virtual node')
  expect(printed).toMatch(/vnode-\w+/)
  expect(shell('tributary --dir beta get flavors')).toMatch(/ 4 +4Gi /)

  const [kubeconfig = '', kubectl = ''] = kubernetes.trim().split('\n')
  shell(kubeconfig)
  expect(readFileSync(join(folder, '.kube', 'config'), 'utf8')).toContain('current-context: tributary-alpha')
  // Not every machine has kubectl.
  if (spawnSync('kubectl', ['version', '--client']).status === 0)
    expect(shell(kubectl)).toContain('node/alpha')
})
