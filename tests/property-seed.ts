/**
 * Property tests start from one printed seed, so that a run can be repeated; `FC_SEED=random npm test` explores, and
 * `FC_SEED=<number>` repeats what was found.
 */
import fc from 'fast-check'

const wish = process.env.FC_SEED
const seed = wish === 'random' ? Math.floor(Math.random() * 0x7fffffff) : Number(wish ?? 20261122)
fc.configureGlobal({ seed })
if (wish === 'random') process.stderr.write(`fast-check seed ${seed}\n`)
