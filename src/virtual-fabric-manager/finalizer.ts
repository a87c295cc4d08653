/** Holds a VirtualNode until the fabric has taken away what stands for it. */
export const FINALIZER = 'tributary.io/virtual-node'
