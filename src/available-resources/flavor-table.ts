/** Where the table of what is listed to others was; it is `rear/flavor-table.ts` now. */
export { FlavorTable, type Audience, type FlavorList } from '../rear/flavor-table.ts'
