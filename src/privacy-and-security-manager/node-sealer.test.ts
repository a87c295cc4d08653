import { describe, expect, it } from 'vitest'
import { realSystem } from '../kernel/system.ts'
import { SealError } from '../kernel/sealer.ts'
import { generateNodeKey } from './node-key.ts'
import { createSealer } from './node-sealer.ts'

const { random } = realSystem
const ours = createSealer(generateNodeKey(random), random)

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof SealError) return error.code
    throw error
  }
  return 'opened'
}

describe('the sealer of a node', () => {
  it('gives back what it sealed, and never seals twice alike', () => {
    const a = ours.seal('pässword', 'here')
    const b = ours.seal('pässword', 'here')
    expect(ours.open(a, 'here')).toBe('pässword')
    expect(a.text).not.toBe(b.text)
    expect(JSON.stringify(a)).not.toContain('ssword')
  })

  it('opens nothing in another place, nothing that was changed, nothing of another node', () => {
    const sealed = ours.seal('text', 'here')
    const bytes = Buffer.from(sealed.text, 'base64')
    const flipped = (index: number): string =>
      Buffer.from(bytes.map((byte, at) => (at === index ? byte ^ 1 : byte))).toString('base64')
    expect(codeOf(() => ours.open(sealed, 'there'))).toBe('damaged')
    for (const index of bytes.keys())
      expect(codeOf(() => ours.open({ ...sealed, text: flipped(index) }, 'here'))).toBe('damaged')
    expect(codeOf(() => ours.open({ ...sealed, text: '' }, 'here'))).toBe('damaged')
    const theirs = createSealer(generateNodeKey(random), random)
    expect(codeOf(() => theirs.open(sealed, 'here'))).toBe('other-key')
    // Who claims the name of the key has not got the key.
    expect(codeOf(() => theirs.open({ ...sealed, key: theirs.key }, 'here'))).toBe('damaged')
  })
})
