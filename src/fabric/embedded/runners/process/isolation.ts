/**
 * What keeps a program from other programs and from this machine: namespaces, another user, no new
 * privileges. Which of them work here is tried out once, with a real process.
 *
 * A program is started by a chain of tiny helpers that replace each other, so that none of them stays
 * and no privileged helper ever sees the environment that the guest chose:
 * `sh` (enters the limits) → `unshare` (namespaces) → `setpriv` (user, privileges) → `sh` (directory;
 * first process of the namespace) → `env -i` → the program.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, lstat, mkdir, rmdir } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import type { Log } from '../../../../kernel/log.ts'
import { deadline, type System } from '../../../../kernel/system.ts'
import { shortHash } from '../../names.ts'
import type { Identities } from '../identities.ts'

/** Where the helpers are; the daemon's own PATH is not trusted with that. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const NOBODY = 65_534

type Users = 'own' | 'nobody' | 'same'

interface Candidate {
  readonly namespaces: 'none' | 'root' | 'user'
  readonly users: Users
  readonly noNewPrivileges: boolean
}

/** Best first. */
const AS_ROOT: readonly Candidate[] = [
  { namespaces: 'root', users: 'own', noNewPrivileges: true },
  { namespaces: 'root', users: 'nobody', noNewPrivileges: true },
  { namespaces: 'none', users: 'own', noNewPrivileges: true },
  { namespaces: 'none', users: 'nobody', noNewPrivileges: true },
  { namespaces: 'root', users: 'same', noNewPrivileges: true },
  { namespaces: 'none', users: 'same', noNewPrivileges: true },
  { namespaces: 'none', users: 'same', noNewPrivileges: false },
]
const AS_USER: readonly Candidate[] = [
  { namespaces: 'user', users: 'same', noNewPrivileges: true },
  { namespaces: 'none', users: 'same', noNewPrivileges: true },
  { namespaces: 'none', users: 'same', noNewPrivileges: false },
]

export interface Isolation {
  /** For people. */
  readonly description: string
  /** Below it pods get their directories. */
  readonly root: string
  /** Whether what the program started is gone when it ends (a PID namespace of its own). */
  readonly contained: boolean
  /** Whether programs run as the daemon's own user, so may do what it may. */
  readonly ownUser: boolean
  /** Whether each group has a user of its own. */
  readonly userPerGroup: boolean
  /** @returns the user that programs of `group` run as; undefined when it is the daemon's */
  userOf(group: string): number | undefined
  /** @returns the command that runs `command` in isolation */
  wrap(options: {
    readonly group: string
    readonly command: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly directory: string
  }): readonly string[]
}

/**
 * Tries what works on this machine.
 * @param directory the fabric's own; pods' directories are made below it if programs can reach them there
 * @param hidden paths that programs must not see, where they run as our own user: our keys, for example
 */
export async function findIsolation(
  directory: string,
  hidden: readonly string[],
  system: System,
  log: Log,
  signal: AbortSignal,
  identities: Identities,
): Promise<Isolation> {
  const name = `tributary-pods-${shortHash(directory)}`
  // The daemon's folder for temporary files may be closed to other users, as its home is.
  const shared = process.platform === 'win32' ? [] : [join('/tmp', name)]
  const roots = [...new Set([join(directory, 'pods'), join(tmpdir(), name), ...shared])]
  const candidates = process.getuid?.() === 0 ? AS_ROOT : AS_USER
  const failures: string[] = []
  for (const candidate of candidates) {
    for (const root of roots) {
      const canHide = candidate.namespaces !== 'none' && candidate.users === 'same'
      const hide = canHide
        ? [...hidden, ...SECRETS.map((name) => join(homedir(), name))].filter(existsSync)
        : []
      // What is hidden from programs cannot hold their own directories.
      if (hide.some((path) => `${root}/`.startsWith(`${path}/`))) continue
      const isolation = isolationOf(candidate, root, hide, identities)
      if (isolation === undefined) continue
      const failure = await tryOut(isolation, system, signal)
      identities.release(PROBE_GROUP)
      if (failure === undefined) {
        const level = candidate === candidates[0] ? 'debug' : 'info'
        if (failures.length > 0) log[level]({ failures }, 'some isolation does not work on this machine')
        return isolation
      }
      failures.push(`${isolation.description}, in ${root}: ${failure}`)
      await forget(root)
    }
  }
  throw new Error(`no program can be run on this machine: ${failures.join('; ')}`)
}

/** @returns where a helper is; undefined when it is not installed */
export function findTool(name: string): string | undefined {
  return SYSTEM_PATH.split(':')
    .map((folder) => join(folder, name))
    .find(existsSync)
}

/** The first process of a PID namespace reaps orphans and lets signals reach the program. */
const AS_FIRST_PROCESS = 'cd "$1" || exit 126; shift; "$@"; exit $?'
const AS_ITSELF = 'cd "$1" || exit 126; shift; exec "$@"'

/** Where people keep what opens doors, below their home directory. */
const SECRETS = ['.ssh', '.gnupg', '.kube', '.aws', '.azure', '.config', '.docker', '.netrc', '.npmrc']

/** First argument: how many of the next to cover with nothing. */
const HIDE = `
n=$1; shift
while [ "$n" -gt 0 ]; do
  if [ -d "$1" ]; then mount -t tmpfs -o size=4k,mode=755 none "$1" || exit 125
  elif [ -e "$1" ]; then mount --bind /dev/null "$1" || exit 125
  fi
  shift; n=$((n-1))
done
exec "$@"`

function isolationOf(
  { namespaces, users, noNewPrivileges }: Candidate,
  root: string,
  hide: readonly string[],
  identities: Identities,
): Isolation | undefined {
  const unshare = findTool('unshare')
  const setpriv = findTool('setpriv')
  const sh = findTool('sh')
  const env = findTool('env')
  if (sh === undefined || env === undefined) return undefined
  if (namespaces !== 'none' && unshare === undefined) return undefined
  if ((noNewPrivileges || users !== 'same') && setpriv === undefined) return undefined
  const userOf = (group: string): number | undefined =>
    users === 'same' ? undefined : users === 'nobody' ? NOBODY : identities.of(group)
  return {
    description: describe({ namespaces, users, noNewPrivileges }),
    root,
    contained: namespaces !== 'none',
    ownUser: users === 'same',
    userPerGroup: users === 'own',
    userOf,
    wrap({ group, command, env: variables, directory }) {
      const user = userOf(group)
      const chain: string[] = []
      if (namespaces !== 'none') {
        chain.push(unshare!, '--pid', '--fork', '--kill-child', '--ipc', '--uts', '--mount', '--mount-proc')
        if (namespaces === 'user') chain.push('--map-root-user')
        chain.push('--')
      }
      if (hide.length > 0) chain.push(sh, '-c', HIDE, 'tributary-hide', String(hide.length), ...hide)
      if (noNewPrivileges) {
        chain.push(setpriv!, '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all')
        if (user !== undefined) chain.push(`--reuid=${user}`, `--regid=${user}`, '--clear-groups')
        chain.push('--')
      }
      chain.push(sh, '-c', namespaces === 'none' ? AS_ITSELF : AS_FIRST_PROCESS, 'tributary-pod', directory)
      chain.push(env, '-i', ...Object.entries(variables).map(([name, value]) => `${name}=${value}`))
      // To `env`, a program with "=" in its name would be one more variable.
      if (command[0]!.includes('=')) chain.push(sh, '-c', 'exec "$@"', 'tributary-pod')
      return [...chain, ...command]
    },
  }
}

function describe({ namespaces, users, noNewPrivileges }: Candidate): string {
  const parts = [
    {
      none: undefined,
      root: 'own PID, IPC, UTS and mount namespaces',
      user: 'own user, PID, IPC, UTS and mount namespaces',
    }[namespaces],
    {
      own: 'an unprivileged user for each contract',
      nobody: `the unprivileged user ${NOBODY}`,
      same: process.getuid?.() === 0 ? "THE DAEMON'S OWN USER, ROOT" : "the daemon's own user",
    }[users],
    users === 'same' && namespaces === 'none' ? 'CAN READ ALL THAT THE DAEMON CAN READ' : undefined,
    noNewPrivileges ? 'no new privileges' : undefined,
  ]
  return `${parts.filter((part) => part !== undefined).join(', ')}; shared network and file system`
}

/** @returns the PATH that programs get: the daemon's, and the folder of the Node that runs it */
export function programPath(): string {
  const folders = [...(process.env.PATH ?? SYSTEM_PATH).split(delimiter), dirname(process.execPath)]
  // A relative folder would mean something else in a pod's directory.
  return [...new Set(folders.filter((folder) => folder.startsWith('/')))].join(delimiter)
}

/** Makes a directory that only we can have made. @throws when somebody else did */
export async function makeRoot(root: string): Promise<void> {
  // Programs pass through it to their own directory, but must not list it.
  await mkdir(root, { recursive: true, mode: 0o711 })
  const found = await lstat(root)
  if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== process.getuid())) {
    throw new Error(`${root} belongs to somebody else`)
  }
}

/** Leaves nothing of a try behind; what else is there stays, since it may not be ours. */
async function forget(root: string): Promise<void> {
  for (const path of [join(root, 'probe'), root]) await rmdir(path).catch(() => {})
}

const PROBE_GROUP = 'probe'
const PROBE_EXIT = 7
/** Ends by its own trap when it is asked to: so signals arrive, and exit codes come back. */
const PROBE_SCRIPT = `
trap 'exit ${PROBE_EXIT}' TERM
[ -x "$1" ] || { echo "$1 cannot be executed"; exit 1; }
: > probe || { echo "the directory cannot be written"; exit 1; }
rm probe
echo ready
sleep 60 & wait`

async function tryOut(
  isolation: Isolation,
  system: System,
  signal: AbortSignal,
): Promise<string | undefined> {
  const directory = join(isolation.root, 'probe')
  try {
    await makeRoot(isolation.root)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const user = isolation.userOf(PROBE_GROUP)
    if (user !== undefined) await chown(directory, user, user)
    return await tryProcess(
      isolation.wrap({
        group: PROBE_GROUP,
        command: ['sh', '-c', PROBE_SCRIPT, 'probe', process.execPath],
        env: { PATH: SYSTEM_PATH },
        directory,
      }),
      system,
      signal,
    )
  } catch (error) {
    signal.throwIfAborted()
    return (error as Error).message
  }
}

/** Generous: on an overloaded machine nothing weaker must be taken only because it was slow. */
const PROBE_LIMIT_MS = 20_000

function tryProcess(
  argv: readonly string[],
  system: System,
  parent: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { signal, done } = deadline(system.clock, PROBE_LIMIT_MS, parent)
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: '/',
      env: { PATH: SYSTEM_PATH },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const kill = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch {
        // Already gone.
      }
    }
    let output = ''
    let asked = false
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      if (!asked && output.includes('ready')) {
        asked = true
        kill('SIGTERM')
      }
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    signal.addEventListener('abort', () => kill('SIGKILL'))
    child.on('error', (error) => {
      done()
      resolve(error.message)
    })
    // The signal may have come between the fork and the exec of its `sleep`, which then lives on, and holds
    // our pipes open.
    child.on('exit', () => kill('SIGKILL'))
    child.on('close', (code, by) => {
      done()
      const how = by ?? `exit code ${code}`
      resolve(code === PROBE_EXIT ? undefined : `${output.trim().split('\n').at(-1) ?? ''} (${how})`)
    })
  })
}
