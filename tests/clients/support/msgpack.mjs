// What MessagePack is made of: a tree of { kind, bytes, items }, for tests that want to know how something was written and not
// what it means. For well-formed bytes only; a map's items are its keys and values in turn.

const SIZES = { bin: 0xc4, ext: 0xc7, string: 0xd9, array: 0xdc - 1, map: 0xde - 1 } // The mark whose length has one byte.

export function parts (bytes) {
  let at = 0
  const take = (length) => bytes.subarray(at, (at += length))
  const leaf = (kind, length) => ({ kind, bytes: take(length), items: [] })
  const node = (kind, count) => ({ kind, items: Array.from({ length: count }, part) })
  const length = (mark, kind) => take(1 << (mark - SIZES[kind])).readUIntBE(0, 1 << (mark - SIZES[kind]))

  function part () {
    const [mark] = take(1)
    if (mark < 0x80 || mark >= 0xe0) return { kind: 'integer', items: [] }
    if (mark < 0x90) return node('map', 2 * (mark & 15))
    if (mark < 0xa0) return node('array', mark & 15)
    if (mark < 0xc0) return leaf('string', mark & 31)
    if (mark < 0xc4) return { kind: 'constant', items: [] }
    if (mark < 0xc7) return leaf('binary', length(mark, 'bin'))
    if (mark < 0xca) return extension(length(mark, 'ext'), (type) => type === 0 ? 'binary' : 'extension')
    if (mark < 0xcc) return leaf('float', mark === 0xca ? 4 : 8)
    if (mark < 0xd4) return leaf('integer', 1 << (mark & 3))
    if (mark < 0xd9) return extension(1 << (mark - 0xd4), (type, size) => type === 0 && [1, 8].includes(size) ? 'constant' : 'extension')
    if (mark < 0xdc) return leaf('string', length(mark, 'string'))
    return mark < 0xde ? node('array', length(mark, 'array')) : node('map', 2 * length(mark, 'map'))
  }

  /** As notepack has them. */
  function extension (size, kindOf) {
    const [type] = take(1)
    return leaf(kindOf(type, size), size)
  }

  return part()
}

/** A part and all that is in it. */
export const all = (part) => [part, ...part.items.flatMap(all)]

/** The keys of all maps in it. */
export const keys = (part) =>
  all(part).filter(({ kind }) => kind === 'map').flatMap(({ items }) => items.filter((_, at) => at % 2 === 0))

/** The values of a member of a map, of which there may be several. */
export const members = ({ items }, name) => items.filter((_, at) => at % 2 === 1 && items[at - 1].bytes?.toString() === name)
