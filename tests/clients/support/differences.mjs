// Compares two implementations case by case. Where they differ, a row of a table has to say why that is fine; who finds no
// row has found a fault. Each row has examples, which must differ for that row's reason, so that no row outlives its
// difference. Knows nothing of what is compared.
import assert from 'node:assert/strict'
import test from 'node:test'
import { inspect, isDeepStrictEqual } from 'node:util'
import { cases, Chance, SEED } from './chance.mjs'

const SHOWN = 5
const AT_ONCE = 2_000

/**
 * Declares a test. `make(chance)` gives a case, whatever that is, with its `input`: text or bytes, which a fault is shrunk
 * to. `both(cases)` resolves with a pair of results for each, ours and theirs. Where both have an `error`, they agree, whatever
 * it is. `rows` are { why, examples, when(case, ours, theirs) }; the first that suits counts. Where
 * other tests try the same rows' examples, `tryExamples` is false.
 */
export function agree (what, { count, make, both, rows = [], tryExamples = true }) {
  const judge = async (tried) => (await both(tried)).map(([ours, theirs], at) => {
    const same = (ours.error !== undefined && theirs.error !== undefined) || isDeepStrictEqual(ours, theirs)
    const row = same ? undefined : rows.find(({ when }) => when(tried[at], ours, theirs))
    return { tried: tried[at], ours, theirs, same, why: row?.why }
  })
  const unexplained = ({ same, why }) => !same && why === undefined

  test(what, async (t) => {
    const chance = Chance.of(what)
    const faults = []
    const tally = { cases: 0, accepted: 0, refused: 0, differ: 0 }
    const reasons = {}
    while (tally.cases < cases(count) && faults.length < SHOWN) {
      const tried = Array.from({ length: Math.min(AT_ONCE, cases(count) - tally.cases) }, () => make(chance))
      for (const verdict of await judge(tried)) {
        tally.cases += 1
        if (!verdict.same) tally.differ += 1
        else if (verdict.ours.error !== undefined || verdict.ours.refused) tally.refused += 1
        else tally.accepted += 1
        if (verdict.why) reasons[verdict.why] = (reasons[verdict.why] ?? 0) + 1
        if (unexplained(verdict) && faults.length < SHOWN) faults.push(verdict)
      }
    }
    t.diagnostic(`SEED=${SEED}: ${inspect(tally, { breakLength: Infinity })} ${inspect(reasons, { compact: false })}`)
    const told = await Promise.all(faults.map(async (fault) => tell(await shrink(fault, judge, unexplained))))
    assert.equal(told.length, 0, `SEED=${SEED}: differences that nobody has explained\n${told.join('\n')}`)
  })

  for (const { why, examples } of tryExamples ? rows : []) {
    test(`${what}; known to differ: ${why}`, async () => {
      for (const verdict of await judge(examples)) assert.equal(verdict.why, why, tell(verdict))
    })
  }
}

const tell = ({ tried, ours, theirs }) => {
  const show = (value) => inspect(value, { depth: 12, maxStringLength: 2_000, maxArrayLength: 200, breakLength: 110 })
  return `${show(tried)}\n  ours:   ${show(ours)}\n  theirs: ${show(theirs)}`
}

/** A smaller case that nobody can explain either: pieces are left out, larger ones first, as long as that goes. */
async function shrink (fault, judge, unexplained) {
  for (let size = fault.tried.input.length; size > 0;) {
    const { input } = fault.tried
    const without = (at) => typeof input === 'string'
      ? (input.slice(0, at) + input.slice(at + size)).toWellFormed()
      : Buffer.concat([input.subarray(0, at), input.subarray(at + size)])
    const smaller = []
    for (let at = 0; at + size <= input.length; at += size) smaller.push({ ...fault.tried, input: without(at) })
    const found = (await judge(smaller)).find(unexplained)
    if (found) fault = found
    size = found ? Math.min(size, found.tried.input.length) : Math.floor(size / 2)
  }
  return fault
}
