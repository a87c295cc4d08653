/** A guest tries to take more of the machine than its contract gives. Each control is the same runner without the limit. */
import type { GroupLimits } from '../../src/fabric/embedded/index.ts'
import { failed, succeeded, type Tried } from './support/attack.ts'
import { attackInEach, guestsForAttacks, LOOT, type Place } from './support/guests.ts'

const guests = await guestsForAttacks()
const MIB = 1 << 20
let count = 0

/** @returns what became of it: what it said, and how it ended */
async function tries(place: Place, script: string, limits: GroupLimits, own = limits): Promise<Tried> {
  const group = { id: `limited-${count++}`, limits }
  const { pod, container, said } = await guests.start(place, script, {
    pod: { group },
    container: { limits: own },
  })
  const { code, signal, oomKilled } = await container.exited
  await pod.remove()
  await (await guests.runner(place)).removeGroup(group.id)
  const saw = `${said().trim()} (${oomKilled ? 'out of memory' : `ended with ${signal ?? code}`})`
  return said().includes(LOOT) ? succeeded(saw) : failed(saw)
}

const FORKS = `i=0; while [ $i -lt 120 ]; do sleep 10 & i=$((i+1)); done; echo ${LOOT}; kill $(jobs -p) 2>/dev/null`
attackInEach(guests, 'a guest forks until the machine has no processes left', {
  defended: (place) => tries(place, FORKS, { pids: 64 }),
  control: (place) => tries(place, FORKS, {}),
  stoppedBy: /fork/i,
})

const HOG = `exec node -e 'const all = []; for (let i = 0; i < 40; i++) all.push(Buffer.alloc(${8 * MIB}, 1)); console.log("${LOOT}")'`
attackInEach(guests, 'a guest takes memory until the machine has none left', {
  defended: (place) => tries(place, HOG, { memoryBytes: 120 * MIB }),
  control: (place) => tries(place, HOG, {}),
  stoppedBy: /out of memory/,
})

const SHM = `dd if=/dev/zero of=/dev/shm/x bs=1M count=50 2>&1 && echo ${LOOT}`
attackInEach(guests, 'a guest takes memory by files in /dev/shm', {
  defended: (place) => tries(place, SHM, { memoryBytes: 32 * MIB, diskBytes: 60 * MIB }),
  control: (place) => tries(place, SHM, { diskBytes: 120 * MIB }),
  stoppedBy: /out of memory|No space left|ended with 137/,
})

/** What was written stays there for as long as a look may take to notice it. */
const FILL = `dd if=/dev/zero of="$HOME/x" bs=1M count=40 2>&1 && for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done && echo ${LOOT}`
attackInEach(guests, "a guest fills the owner's disk beyond its contract", {
  defended: (place) => tries(place, FILL, { diskBytes: 16 * MIB }, {}),
  control: (place) => tries(place, FILL, { diskBytes: 100 * MIB }, {}),
  stoppedBy: { sandbox: /No space left/, container: /ended with 137/ },
})
