/**
 * The flavor index: flavors that are listed to others, found by selector in memory. No protocol, and no component:
 * whoever lists flavors keeps a table of its own and answers from it.
 */
export { FlavorTable, type FlavorList } from './flavor-table.ts'
