// Socket.IO packets as MessagePack, compared with socket.io-msgpack-parser 3: what it writes is read by us, mutated or not, and
// events go around: written by it, read by us, sent back by us, read by it.
import { isUtf8 } from 'node:buffer'
import { createRequire } from 'node:module'
import { after } from 'node:test'
import { Codec } from '../support/codec.mjs'
import { agree } from '../support/differences.mjs'
import { fill } from '../support/fill.mjs'
import { mutated, text, value } from '../support/generate.mjs'
import { all, keys, members, parts } from '../support/msgpack.mjs'

const require = createRequire(import.meta.url)
const { Decoder, Encoder } = require('socket.io-msgpack-parser')
const notepack = require('notepack.io')
const [CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR] = [0, 1, 2, 3, 4]

const codec = new Codec()
after(() => codec.stop())

function byReference (input) {
  const decoder = new Decoder()
  let decoded
  decoder.on('decoded', (packet) => { decoded = packet })
  try {
    decoder.add(input)
  } catch (error) {
    return { error: error.message }
  }
  return canonical({ ...decoded, data: asJson(decoded.data) })
}

function byUs ({ type, nsp, id, data, attachments, error }) {
  if (error !== undefined) return { error }
  // A client's own key of that name is written with an escape, and no placeholder's.
  const values = data ? JSON.parse(data.replaceAll('"\\u005fplaceholder":', `"${OWN}":`)) : undefined
  const bytes = attachments.map((data) => Buffer.from(data, 'base64'))
  return canonical({ type, nsp, id: id ?? undefined, data: renamed(bytes.length > 0 ? fill(values, bytes) : values) })
}

const OWN = 'a key that nobody has'
function renamed (value) {
  if (Buffer.isBuffer(value) || value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(renamed)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key === OWN ? '_placeholder' : key, renamed(inner)]))
}

/** What an error is about interests nobody, nor the id of what is no event and no ack. */
function canonical ({ type, nsp, id, data }) {
  if (type === CONNECT_ERROR) return { type, nsp }
  return type === EVENT || type === ACK ? { type, nsp, id, data } : { type, nsp, data }
}

/** What JSON can say of it, and bytes: what an application of ours gets. */
function asJson (value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Date) return value.toJSON()
  if (Array.isArray(value)) return value.map((inner) => asJson(inner) ?? null)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asJson(inner) ?? null]))
}

const both = async (tried) => {
  const answers = await codec.ask(tried.map(({ input }) => ({ op: 'msgpack', revision: 4, data: input.toString('base64') })))
  return answers.map((answer, at) => [byUs(answer), byReference(tried[at].input)])
}

// Making them.

const RESERVED = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']
const NAMESPACES = ['/', '/a', '/dynamic-1', '/é', '/a?b=c']

/** A value as msgpack can have it, beyond what JSON can say. */
const oddValue = (chance) => chance.once(6)
  ? chance.pick([new Date(chance.below(2 ** 32) * 1_000), new Date(-1), new Date(NaN), undefined, NaN, Infinity, -0.0,
    2 ** 40, -(2 ** 40), new Uint8Array([1, 2]).buffer, 0.1])
  : value(chance, { binary: chance.once(2) })

function packet (chance) {
  const type = chance.pick([CONNECT, DISCONNECT, EVENT, EVENT, EVENT, ACK, CONNECT_ERROR])
  const args = chance.some(4, () => oddValue(chance))
  const name = chance.once(5) ? chance.pick([7, -1, 1.5, null, {}, ...RESERVED]) : text(chance)
  const data = chance.once(15)
    ? oddValue(chance)
    : [chance.once(2) ? undefined : { token: oddValue(chance) }, undefined, [name, ...args], args, { message: 'no' }][type]
  return {
    type: chance.once(30) ? chance.pick([5, -1, 1.5, '2', null]) : type,
    ...(data !== undefined && { data }),
    nsp: chance.once(30) ? chance.pick(['', 'a', 1, null]) : chance.pick(NAMESPACES),
    ...(chance.once(2) && { id: chance.once(10) ? chance.pick([-1, 1.5, null, 2 ** 53, '1']) : chance.below(300) })
  }
}

const encode = (packet) => new Encoder().encode(packet)[0]

// Why they differ.

const of = (packet) => ({ input: encode(packet) })
const bytes = (...parts) => ({ input: Buffer.concat(parts.map((part) => Buffer.from(part))) })
/** A packet whose `data` is written by hand. */
const withData = (...data) => bytes([0x83, 0xa4], 'type', [2, 0xa3], 'nsp', [0xa1], '/', [0xa4], 'data', [0x92, 0xa1], 'a', ...data)
const event = (...data) => of({ type: EVENT, nsp: '/', data })

/** A row for what we refuse and the reference does not: what suits the parts, and the packet as the reference sees it. */
const refused = (why, examples, suits) => ({
  why,
  examples,
  when: ({ input }, ours, theirs) =>
    ours.error !== undefined && theirs.error === undefined && suits(parts(input), notepack.decode(input), ours.error)
})

const rows = [
  refused('a key is a string or an integer; notepack takes anything for one',
    [withData([0x81, 0xc0, 1]), withData([0x81, 0xca, 0, 0, 0, 0, 1])],
    (tree) => keys(tree).some(({ kind }) => kind !== 'string' && kind !== 'integer')),
  refused('a string is UTF-8; Node puts U+FFFD where it is not',
    [withData([0xa1, 0xff])],
    (tree) => all(tree).some(({ kind, bytes }) => kind === 'string' && !isUtf8(bytes))),
  refused('extensions are undefined, a date or an array buffer; notepack makes arrays of others',
    [withData([0xd4, 1, 0]), withData([0xd5, 0, 0, 0]), withData([0xc7, 1, 5, 0])],
    (tree) => all(tree).some(({ kind }) => kind === 'extension')),
  refused('a namespace begins with a slash; the reference finds out later that there is none of another name',
    [of({ type: CONNECT, nsp: 'a' }), of({ type: DISCONNECT, nsp: '' })],
    (_tree, { nsp }) => !nsp.startsWith('/')),
  refused('a type and an id are integers; to notepack 1.0 is one',
    [bytes([0x82, 0xa4], 'type', [0xca, 0, 0, 0, 0, 0xa3], 'nsp', [0xa1], '/')],
    (tree) => ['type', 'id'].some((name) => members(tree, name).some(({ kind }) => kind === 'float'))),
  refused('an id is not negative; the reference takes any integer',
    [of({ type: ACK, nsp: '/', id: -1, data: [] })],
    (_tree, { id }) => id < 0),
  refused("an event's name is a string or a number, and not one that applications listen to; this parser does not look",
    [event(null), event({}), event('connect'), event(), event(Buffer.from('a')), event(NaN)],
    (_tree, { type, data }, error) => type === EVENT && error === 'bad event name' &&
      (!(typeof data[0] === 'string' || Number.isFinite(data[0])) || RESERVED.includes(data[0]))),
  refused('bytes are ten times in a packet at most, as attachments are; this parser does not count',
    [event('a', Array(11).fill(Buffer.from('a')))],
    (tree, _packet, error) => error === 'bad number of attachments' && all(tree).filter(({ kind }) => kind === 'binary').length > 10),
  refused('of a member that comes twice, the first has to be right, too',
    [bytes([0x83, 0xa4], 'type', [9, 0xa4], 'type', [0, 0xa3], 'nsp', [0xa1], '/')],
    (tree) => ['type', 'nsp', 'id', 'data'].some((name) => members(tree, name).length > 1)),
  {
    why: '`__proto__` is a member like any other; notepack sets the prototype',
    examples: [withData([0x81, 0xa9], '__proto__', [0x90])],
    when: ({ input }, ours) =>
      ours.error === undefined && keys(parts(input)).some(({ bytes }) => bytes?.toString() === '__proto__')
  },
  {
    why: 'an integer key keeps its digits; JavaScript rounds those beyond 53 bits',
    examples: [withData([0x81, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1, 0])],
    when: ({ input }, ours) => ours.error === undefined &&
      keys(parts(input)).some(({ kind, bytes }) => kind === 'integer' && bytes?.length === 8)
  },
  {
    why: 'an id that is null is none; to this parser it is no integer',
    examples: [of({ type: EVENT, nsp: '/', id: null, data: ['a'] })],
    when: ({ input }, ours, theirs) =>
      ours.error === undefined && theirs.error === 'invalid packet id' && notepack.decode(input).id === null
  },
  {
    why: 'clients do not send CONNECT_ERROR, whatever its data: those who do are closed, in the reference for being malformed',
    examples: [of({ type: CONNECT_ERROR, nsp: '/' }), of({ type: CONNECT_ERROR, nsp: '/', data: [] })],
    when: (_tried, ours, theirs) => ours.type === CONNECT_ERROR && theirs.error === 'invalid payload'
  }
]

agree('MessagePack by the reference, with faults', {
  count: 12_000,
  make: (chance) => of(packet(chance)),
  both,
  rows
})

agree('MessagePack, mutated', {
  count: 20_000,
  make: (chance) => {
    for (;;) {
      const input = mutated(chance, encode(packet(chance)))
      if (!isEndless(input)) return { input }
    }
  },
  both,
  rows,
  tryExamples: false
})

/** Whether notepack may make an array buffer as long as a length says, and fill it, before it finds that there is not so much. */
function isEndless (bytes) {
  const BUFFER = 0xc9
  return bytes.some((byte, at) => byte === BUFFER && at + 5 < bytes.length && bytes.readUInt32BE(at + 1) > 1_000_000)
}

// Around: reference, us, us, reference.

function talk (chance) {
  const nsp = chance.pick(NAMESPACES.slice(0, 3))
  const make = () => ({
    type: EVENT,
    nsp,
    ...(chance.once(2) && { id: chance.below(chance.once(9) ? 2 ** 53 : 100) }),
    data: [chance.once(5) ? chance.below(100) : `x${text(chance)}`, ...chance.some(4, () => value(chance, { binary: !chance.once(3) }))]
  })
  return { nsp, events: [make(), make(), make()], input: '' }
}

function heard (messages) {
  const decoder = new Decoder()
  const packets = []
  decoder.on('decoded', (packet) => packets.push(packet))
  for (const { binary } of messages) if (binary !== undefined) decoder.add(Buffer.from(binary, 'base64'))
  return packets.filter(({ type }) => type !== CONNECT)
}

/** What the server of `exchange` is to answer with. notepack writes integers beyond 64 bits as others. */
const answerTo = (packet) => answerToWritten(notepack.decode(encode(packet)))
const answerToWritten = ({ nsp, id, data }) => id === undefined
  ? { type: EVENT, nsp, data: ['back', ...data] }
  : { type: ACK, nsp, id, data: data.slice(1) }

agree('MessagePack: events go around', {
  count: 6_000,
  make: talk,
  both: async (tried) => {
    const answers = await codec.ask(tried.map(({ nsp, events }) => {
      const messages = [{ type: CONNECT, nsp }, ...events].map((packet) => ({ binary: encode(packet).toString('base64') }))
      return { op: 'exchange', revision: 4, msgpack: true, messages }
    }))
    return answers.map(({ messages, end, error }, at) => [
      { packets: error ?? heard(messages), end },
      { packets: tried[at].events.map(answerTo), end: null }
    ])
  }
})
