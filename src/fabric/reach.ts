/** How something that listens on this machine is connected to. */
export type Reach =
  /** Over TCP. */
  | { readonly host: string; readonly port: number }
  | {
      /** Of a Unix socket. */
      readonly path: string
      /** Where that is a forwarder's, which accepts always. @returns whether the port behind it accepts connections */
      readonly isUp?: (signal: AbortSignal) => Promise<boolean>
    }
