// Where a run that was written down may go on: with the same bits wherever that is possible, with others only if its caller allows, and from its
// beginning where neither is.
import type { ModelInfo } from '../native/info.js'
import { fit, type SnapshotHeader } from '../snapshot/index.js'

/**
 * 'exactly': here, to the same bits. 'inexactly': here, since nobody who is there could do it exactly and it may. 'leave': somebody else is to
 * take it. 'anew': nobody can go on with it; here from the beginning.
 */
export type Placement = 'exactly' | 'inexactly' | 'leave' | 'anew'

/** `exact`: what the request says of other bits. `others`: everybody else who is there. */
export function placement(header: SnapshotHeader, exact: boolean, here: ModelInfo, others: readonly ModelInfo[]): Placement {
  const mine = fit(header, here)
  if (mine === 'exactly') return 'exactly'
  const theirs = others.map((info) => fit(header, info))
  if (theirs.includes('exactly')) return 'leave'
  if (!exact && mine === 'inexactly') return 'inexactly'
  return !exact && theirs.includes('inexactly') ? 'leave' : 'anew'
}
