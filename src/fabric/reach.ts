/** How something that listens on this machine is connected to: over TCP, or through a Unix socket. */
export type Reach = { readonly host: string; readonly port: number } | { readonly path: string }
