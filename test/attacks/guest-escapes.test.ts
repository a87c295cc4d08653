/** A guest tries to become more than it is: to get namespaces, mounts, devices, privileges, the container engine. */
import { attackByScript, guestsForAttacks, LOOT, ONLY_ROOT } from './support/guests.ts'

const guests = await guestsForAttacks()
const asRoot = { without: 'bare', cannot: ONLY_ROOT } as const

attackByScript(
  guests,
  'a guest makes a user namespace, to get at what only root may do',
  () => `unshare -U echo ${LOOT} 2>&1`,
  { sandbox: /unshare failed|No space left/, container: /not permitted/ },
)
attackByScript(
  guests,
  'a guest mounts a file system',
  () => `cd $(mktemp -d) && mkdir m && mount -t tmpfs x m 2>&1 && echo ${LOOT} && umount m`,
  /permission denied|not permitted|must be superuser/i,
  asRoot,
)
attackByScript(
  guests,
  'a guest makes the device of a disk',
  () => `cd $(mktemp -d) && mknod disk b 7 0 2>&1 && echo ${LOOT}; rm -f disk`,
  /not permitted/,
  asRoot,
)
attackByScript(
  guests,
  'a guest changes a setting of the kernel',
  // The value that is there: nothing changes on the machine that this is tried on.
  () => `v=$(cat /proc/sys/fs/file-max); (echo "$v" > /proc/sys/fs/file-max) 2>&1 && echo ${LOOT}; true`,
  /denied|Read-only|No such file|nonexistent/i,
  asRoot,
)
attackByScript(
  guests,
  'a guest becomes another user by a program that has the right to',
  () =>
    `grep -q 'NoNewPrivs:.0' /proc/self/status && echo ${LOOT}; grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status`,
  /CapEff:\s+0000000000000000\s+CapBnd:\s+0000000000000000\s+NoNewPrivs:\s+1|NoNewPrivs:\s+1/,
  { without: 'bare' },
)
attackByScript(
  guests,
  'a guest writes into the system that it sees',
  () =>
    `f=/usr/bin/tributary-attack; [ -d /usr/bin ] || f=/proc/sys/kernel/tributary; (echo x > $f) 2>&1 && echo ${LOOT}; rm -f $f`,
  /Read-only|nonexistent|No such file|denied/i,
  asRoot,
)
attackByScript(
  guests,
  'a guest asks the container engine of the host for what it likes',
  () =>
    `node -e 'require("http").get({ socketPath: "${guests.engineSocket ?? ''}", path: "/version" }, () => { console.log("${LOOT}"); process.exit() }).on("error", (e) => console.log(e.code))'`,
  /^ENOENT$/,
  { without: 'bare', cannot: guests.engineSocket === undefined ? 'no container engine' : undefined },
)
