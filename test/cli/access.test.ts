/** Who gets at a node: its directory, and the tokens that kubeconfigs hold. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { octal, tightenDirectory } from '../../src/cli/private-directory.ts'
import { serveSecurely } from '../support/secure-api.ts'
import { run, temporaryFolder } from './support/run.ts'

describe('the directory of a node', () => {
  it.each([0o755, 0o777, 0o711, 0o750])(
    'that is there with mode %o is the owner’s alone after init',
    async (mode) => {
      const cwd = temporaryFolder()
      const directory = join(cwd, 'alpha')
      mkdirSync(directory)
      chmodSync(directory, mode)
      expect(await run(['init', '--dir', 'alpha'], { cwd })).toMatchObject({ code: 0 })
      expect(statSync(directory).mode & 0o777).toBe(0o700)
    },
  )

  it('that others were let into is closed again before the node starts, and it is said', async () => {
    const cwd = temporaryFolder()
    const directory = join(cwd, 'alpha')
    await run(['init', '--dir', 'alpha'], { cwd })
    chmodSync(directory, 0o755)
    // So that it ends early: what is tested comes before.
    writeFileSync(join(directory, 'config.yaml'), 'nonsense: [')
    const { err } = await run(['start', '--dir', 'alpha'], { cwd })
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(err).toContain('was open to others (mode 0755)')
  })

  it('is left alone where it is closed already, even to its owner’s writing', async () => {
    const directory = temporaryFolder()
    for (const mode of [0o700, 0o500]) {
      chmodSync(directory, mode)
      expect(await tightenDirectory(directory)).toBeUndefined()
      expect(statSync(directory).mode & 0o777).toBe(mode)
    }
    chmodSync(directory, 0o700)
    expect(octal(0o7)).toBe('0007')
  })
})

describe('tributary kubeconfig --merge', () => {
  const start = async () => {
    const api = await serveSecurely({
      extra: [
        {
          method: 'GET',
          path: '/tributary/v1/status',
          access: 'viewer',
          handler: async () => ({ status: 200, body: { name: 'alpha' } }),
        },
      ],
    })
    const file = join(temporaryFolder(), 'config')
    const merge = async (...more: readonly string[]) => {
      const env = { TRIBUTARY_SERVER: `unix:${api.local.socket}`, KUBECONFIG: file }
      expect(await run(['kubeconfig', '--merge', ...more], { env })).toMatchObject({ code: 0 })
      return (parse(readFileSync(file, 'utf8')) as { users: { user: { token: string } }[] }).users.map(
        ({ user }) => user.token,
      )
    }
    const living = async () =>
      (await api.tokens.list())
        .filter(({ spec }) => spec.purpose === 'kubeconfig')
        .map(({ metadata }) => metadata.name)
    return { api, file, merge, living }
  }
  const statusWith = ({ call }: Awaited<ReturnType<typeof start>>['api'], token: string | undefined) =>
    call('GET', '/version', undefined, {}, token)

  it('puts its token in the place of the one before, which counts no more', async () => {
    const { api, merge, living } = await start()
    const tokens: (string | undefined)[] = []
    for (let count = 0; count < 3; count++) {
      const [token, ...others] = await merge()
      expect(others).toEqual([])
      tokens.push(token)
      expect(await living()).toHaveLength(1)
    }
    const statuses: number[] = []
    for (const token of tokens) statuses.push((await statusWith(api, token)).status)
    expect(statuses).toEqual([401, 401, 200])
  })

  it('takes back no token but that: not one of another file, not one made by hand, not one of another node', async () => {
    const { api, file, merge, living } = await start()
    const other = await start()
    const { token } = await api.tokenFor('admin')
    const [elsewhere] = await other.merge()
    const [first] = await merge()
    const text = readFileSync(file, 'utf8')
    // One made by hand, and that of another node that is called the same, in the place of ours.
    for (const put of [token, elsewhere]) {
      writeFileSync(file, text.replace(first!, put!))
      await merge()
    }
    expect(await living()).toHaveLength(3)
    expect(await other.living()).toHaveLength(1)
    expect(await statusWith(api, token)).toMatchObject({ status: 200 })
    // Of another authority: what is in there is none of ours.
    writeFileSync(file, text.replace(/certificate-authority-data: .+/, 'certificate-authority-data: eA=='))
    await merge()
    expect(await living()).toHaveLength(4)
  })
})
