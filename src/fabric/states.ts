/** How it stands with what a fabric was told: closed unions, so that whoever asks has an answer to each. */

/** Consumer: a virtual node. */
export type VirtualNodeState =
  /** Nothing of it is here. */
  | { readonly state: 'Absent' }
  | { readonly state: 'Attaching'; readonly message: string }
  | { readonly state: 'Ready'; readonly message: string }
  /** It is there and cannot be used now: the provider cannot be reached, or refuses. It may get well by itself. */
  | {
      readonly state: 'NotReady'
      /** Stable, CamelCase. */
      readonly reason: string
      readonly message: string
      /** Milliseconds since 1970. */
      readonly since: number
    }
  | { readonly state: 'Detaching'; readonly message: string }
  /** It will not come by waiting: it has to be detached, or attached with another offer. */
  | {
      readonly state: 'Failed'
      /** Stable, CamelCase. */
      readonly reason: string
      readonly message: string
    }

/** Provider: what is provided under one contract. */
export type ProvidedState =
  /** Nothing of it is here and nothing runs. */
  | { readonly state: 'Absent' }
  | { readonly state: 'Provided' }
  | { readonly state: 'Withdrawing'; readonly message: string }
