/**
 * What an attack is here: somebody tries something twice. Against the product as it is, where it has to fail for the
 * reason that is named; and as a *control* against the same thing with its defence off, where it has to succeed, for
 * an attack that cannot succeed at all proves nothing.
 */
import { expect, it } from 'vitest'

/** How a try ended. */
export interface Tried {
  readonly succeeded: boolean
  /** What the attacker got, or what it was told: an error's code or message, a status, what it read. */
  readonly saw: string
}

export interface Attack {
  /** Against the product as people run it. */
  readonly defended: () => Promise<Tried>
  /** What `saw` of `defended` has to match: the attack fails because it is refused, not because it has a mistake. */
  readonly stoppedBy: RegExp
  /** The same with the one defence off that is to stop it. */
  readonly control: () => Promise<Tried>
  /** Why this machine cannot have it tried, for example `no container engine`; it is skipped then, aloud. */
  readonly cannot?: string | undefined
  /** Milliseconds that both together may take at most. */
  readonly timeout?: number
}

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test that is an attack. */
    attack?: { readonly title: string; succeeded: boolean; cannot?: string }
  }
}

/**
 * Declares an attack as a test.
 * @param title who does what to whom, in the attacker's words: `a guest reads a file of the machine's owner`
 */
export function attack(
  title: string,
  { defended, stoppedBy, control, cannot, timeout = 60_000 }: Attack,
): void {
  it(title, { timeout }, async ({ task, skip }) => {
    const meta: { title: string; succeeded: boolean; cannot?: string } = { title, succeeded: true }
    task.meta.attack = meta
    if (cannot !== undefined) {
      meta.succeeded = false
      meta.cannot = cannot
      skip(cannot)
    }
    const off = await control()
    expect(
      off,
      `the control: with the defence off the attack has to succeed, and saw: ${off.saw}`,
    ).toMatchObject({
      succeeded: true,
    })
    const on = await defended()
    meta.succeeded = on.succeeded
    expect(on, 'the attack').toMatchObject({ succeeded: false })
    expect(on.saw, 'what stopped it').toMatch(stoppedBy)
  })
}

/** A try that got `saw`. */
export const succeeded = (saw: string): Tried => ({ succeeded: true, saw })

/** A try that was stopped with `saw`. */
export const failed = (saw: string): Tried => ({ succeeded: false, saw })
