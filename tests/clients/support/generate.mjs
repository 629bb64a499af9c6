// Text, bytes and values that parsers may trip over, and mutations of what was right. Knows what packets look like, and
// nothing of who reads them.

const CHARACTERS = [
  ...'aaaabz 09_-,:;/?#=+.\\"\'<>&%[]{}', '\0', '\n', '\r', '\t', '\x1e', '\x1f', '\x7f', '\x80',
  'é', 'ÿ', '\u00a0', '\u2028', '\ufeff', '二', '\ufffd', '😀', '𝒳'
]
// What the grammars are made of.
const LIKELY = [
  ...'0123456789', ...'b4-,/:?[]{}"\\ ', '\x1e', '=', '+', 'é', '😀', '\t', '\u00a0', 'null', 'true', '1e1', '"a"', '[]', '-1', '0.5',
  '{"_placeholder":true,"num":0}', '"num"', '\\u0000', '\\ud800', '40', '42', '451-'
]

export const text = (chance, most = 12) => chance.some(most, () => chance.pick(CHARACTERS)).join('')

/** Something was left out, said twice, changed or put in, here and there. */
export function mutated (chance, whole) {
  const isText = typeof whole === 'string'
  const join = (parts) => isText ? parts.join('') : Buffer.concat(parts)
  const piece = () => isText ? chance.pick(LIKELY) : bytesOf(chance)
  for (let times = chance.once(2) ? 1 : 2 + chance.below(2); times > 0; times -= 1) {
    const at = chance.below(whole.length + 1)
    const end = Math.min(whole.length, at + (chance.once(4) ? chance.below(10) : 1))
    const [before, cut, after] = [whole.slice(0, at), whole.slice(at, end), whole.slice(end)]
    whole = chance.pick([
      () => join([before, after]),
      () => join([before, cut, cut, after]),
      () => join([before, piece(), after]),
      () => join([before, piece(), cut, after]),
      () => chance.once(3) ? before : join([before, piece(), after])
    ])()
  }
  return isText ? whole.toWellFormed() : whole
}

const bytesOf = (chance) => chance.pick([
  () => Buffer.from([chance.below(256)]),
  () => Buffer.from([chance.pick([0, 1, 2, 4, 9, 10, 0x30, 0x34, 0x7f, 0x80, 0xc0, 0xc1, 0xd4, 0xd7, 0xed, 0xf0, 0xfe, 0xff])]),
  () => Buffer.from(chance.pick(LIKELY)),
  () => chance.bytes(4)
])()

/** A value that JSON can say; with `binary`, bytes in it. */
export function value (chance, { binary = false, depth = 3 } = {}) {
  const more = { binary, depth: depth - 1 }
  const kinds = [
    () => chance.pick([null, true, false, 0, 1, -1, 0.5, 1e21, -1e-7, 2 ** 53, -(2 ** 31), 65536, 255, 1.7976931348623157e308]),
    () => chance.below(1_000) - 500,
    () => text(chance),
    () => binary ? chance.bytes(chance.once(10) ? 300 : 6) : text(chance, 60),
    () => chance.some(5, () => value(chance, more)),
    () => Object.fromEntries(chance.some(5, () => [key(chance), value(chance, more)]))
  ]
  return kinds[chance.below(depth > 0 ? kinds.length : 4)]()
}

// `__proto__` is a member like any other to JSON, but not to everybody who copies objects.
const key = (chance) => chance.once(3) ? chance.pick(['a', 'b', 'num', 'type', 'data', '0', '', 'toJSON_', 'é']) : text(chance, 6)

const NUMBERS = ['0', '-0', '-0.0', '1', '1.50', '1e400', '-1E-7', '123456789012345678901234567890', '1e+2']

/** The same in JSON, written as oddly as JSON allows, and with what values can not say. */
export function json (chance, depth = 3) {
  const space = () => chance.once(12) ? chance.pick([' ', '\n', '\t\r ', '  ']) : ''
  const list = (most, make) => chance.some(most, () => space() + make() + space()).join(',')
  const member = () => `${chance.once(4) ? '"__proto__"' : string(chance)}${space()}:${space()}${json(chance, depth - 1)}`
  const kinds = [
    () => chance.pick(['null', 'true', 'false', ...NUMBERS]),
    () => string(chance),
    () => placeholder(chance, depth),
    () => `[${list(4, () => json(chance, depth - 1))}]`,
    () => `{${list(4, member)}}`
  ]
  return kinds[chance.below(depth > 0 ? kinds.length : 2)]()
}

const ESCAPES = [
  '\\n', '\\"', '\\\\', '\\/', '\\b', '\\u0000', '\\u00e9', '\\u001e', '\\u2028', '\\ud83d\\ude00', '\\ud83d', '\\udE00'
]

function string (chance) {
  const character = () => chance.once(3) ? chance.pick(ESCAPES) : JSON.stringify(chance.pick(CHARACTERS)).slice(1, -1)
  return `"${chance.some(6, character).join('')}"`
}

function placeholder (chance, depth) {
  const num = chance.once(6)
    ? chance.pick(['-1', '0.5', '1.0', '10e-1', '"0"', 'null', '[0]', '4294967296', '1e400', '-0'])
    : chance.below(3)
  const members = [
    `"_placeholder":${chance.once(8) ? chance.pick(['false', '1', '"true"', 'null']) : 'true'}`,
    ...(chance.once(8) ? [] : [`"num":${num}`]),
    ...(chance.once(8) ? [`${string(chance)}:${json(chance, depth - 1)}`] : []),
    ...(chance.once(20) ? [`"\\u006eum":${num}`] : [])
  ]
  return `{${(chance.once(4) ? members.reverse() : members).join(',')}}`
}

const NAMESPACES = ['/', '/a', '/dynamic-1', '/é', '/a b', '/a?b=c', '/a?b=c&b=d&e', '/a#b', '/a/../b', '//a', '/%41', '/😀']

const ODD_COUNTS = ['', '0', '11', '10', '1.0', '1e0', ' 1', '01', '0x1', '+1', '-1', '00001']
const ODD_IDS = ['007', '9007199254740993', '18446744073709551615', '18446744073709551616', ' 1', '1 2', '-1', '1.5', '９']

/** A Socket.IO packet as text, right or a little wrong. */
export function packet (chance) {
  const type = chance.once(15) ? chance.pick(['', '7', '9', ' ', 'x', '٣', '00']) : chance.below(7)
  const counted = type === 5 || type === 6 ? !chance.once(20) : chance.once(30)
  const count = counted ? `${chance.once(10) ? chance.pick(ODD_COUNTS) : 1 + chance.below(3)}-` : ''
  const nsp = chance.once(2) ? '' : chance.pick(NAMESPACES) + (chance.once(15) ? '' : ',')
  const id = chance.once(2) ? '' : chance.once(8) ? chance.pick(ODD_IDS) : chance.below(1_000)
  return `${type}${count}${nsp}${id}${data(chance, type)}`
}

const NAMES = [
  'a', 'message', '', 'error', '__proto__',
  'connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'
]

function data (chance, type) {
  if (chance.once(8)) return chance.once(2) ? '' : json(chance)
  if (type === 0) return chance.once(2) ? '' : chance.once(3) ? json(chance) : JSON.stringify({ token: value(chance) })
  if (type === 1) return ''
  if (type === 4) return chance.once(2) ? '{"message":"no"}' : json(chance)
  const name = chance.once(6) ? json(chance, 1) : chance.once(6) ? '12' : JSON.stringify(chance.pick(NAMES))
  return `[${[...(type % 3 === 0 ? [] : [name]), ...chance.some(4, () => json(chance))].join(',')}]`
}
