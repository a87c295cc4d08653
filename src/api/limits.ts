/**
 * How much an object that comes in, or that a patch makes, may consist of: whatever is done with it, the node answers
 * others in between. See docs/security.md, "The control API".
 */

/** Nobody writes objects deeper than this; it keeps every recursion in the program short. */
export const MAX_DEPTH = 100

/** Values: members and items at any depth. So many are checked, compared and stored in some milliseconds. */
export const MAX_VALUES = 5_000
