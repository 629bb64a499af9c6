// Chance that can be had again: SEED in the environment replays a run, CASES makes it so many times bigger. Knows nothing of
// what it is used for.

export const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const TIMES = Number(process.env.CASES ?? 1)

/** How many cases a test tries that tries `count` if nobody asks for more. */
export const cases = (count) => Math.ceil(count * TIMES)

export class Chance {
  /** Each name has a chance of its own, so that no test's cases depend on another's. */
  static of (name, seed = SEED) {
    const chance = new Chance(seed)
    for (const unit of name) chance.state = Math.imul(chance.state ^ unit.codePointAt(0), 0x01000193)
    return chance
  }

  constructor (seed) { this.state = seed | 0 }

  /** 32 bits: a counter, stirred well (splitmix32). */
  bits () {
    this.state = (this.state + 0x9e3779b9) | 0
    let mixed = this.state ^ (this.state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  below (count) { return this.bits() % count }

  /** True once in so many times. */
  once (times) { return this.below(times) === 0 }

  pick (list) { return list[this.below(list.length)] }

  /** As many as `make` is called, up to `most`; few are likelier. */
  some (most, make) { return Array.from({ length: this.below(this.below(most + 1) + 1) }, () => make()) }

  bytes (most) { return Buffer.from(this.some(most, () => this.below(256))) }
}
