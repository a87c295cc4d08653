/**
 * Kubernetes quantities, exact: `250m`, `1.5Gi`, `2e3`. Pure; uses nothing of ours.
 */
export { canonical, formatQuantity } from './format-quantity.ts'
export { parseQuantity } from './parse-quantity.ts'
export {
  add,
  approximate,
  compare,
  divideFloor,
  isNegative,
  isZero,
  max,
  milliUnits,
  min,
  multiply,
  type Quantity,
  QuantityError,
  type QuantityErrorCode,
  type QuantityFormat,
  quantityOf,
  subtract,
  wholeUnits,
  ZERO,
} from './quantity.ts'
