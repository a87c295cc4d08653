/** The controller that keeps what each kind states of its retention. */
export { Retention, type RetentionOptions, type Summing } from './retention.ts'
