/** The seller's policy for programs of others, and what of it is in force. Pure data; any fabric may know it. */

/** What a program of another may reach of the world. `internet` leaves out what is private. */
export type Egress = 'none' | 'internet' | 'all'

export interface GuestSettings {
  /** Which runner is to run them; `auto` is the best that works here. */
  readonly runner: 'auto' | 'container' | 'sandbox' | 'process'
  readonly egress: Egress
  /** What one contract may write where it does not say, in bytes. */
  readonly diskBytes: number
  /** Of the images that are pulled for one contract, in bytes. */
  readonly imageBytes: number
  /** The longest time, in milliseconds, that a program of another gets to end when it is asked to. */
  readonly longestGraceMs: number
  /** Whether they may run as ordinary processes where nothing better works: the operator has to say so in this word. */
  readonly unisolated: boolean
}

export const DEFAULT_GUESTS: GuestSettings = {
  runner: 'auto',
  egress: 'internet',
  diskBytes: 256 * 1024 * 1024,
  imageBytes: 4 * 1024 * 1024 * 1024,
  longestGraceMs: 30_000,
  unisolated: false,
}

/** What a buyer gets, said in the offers; or why there are none. */
export type GuestTerms =
  | { readonly status: 'Refused'; readonly message: string }
  | {
      readonly status: 'Taken'
      readonly runner: string
      /** Whether containers run their images; without, they need a command. */
      readonly images: boolean
      /** What runs programs that name no image; absent where nothing does. */
      readonly commands?: string
      readonly egress: Egress
      /** How each limit is kept, for example `cpu: kernel, memory: watched`. */
      readonly limits: string
    }
