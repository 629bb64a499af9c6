// Socket.IO packets compared with socket.io-parser 4 (which the reference's servers use for clients of both revisions) and 3
// (which 2.x clients use): packets of a grammar with its faults, mutated ones, and events that go around: written by the
// reference, read by us, sent back by us, read by the reference. Where both do not think the same, a row of a table says why.
import { createRequire } from 'node:module'
import { after } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Codec } from '../support/codec.mjs'
import { agree } from '../support/differences.mjs'
import { fill } from '../support/fill.mjs'
import { mutated, packet, text, value } from '../support/generate.mjs'

const require = createRequire(import.meta.url)
const parsers = { 3: require('socket.io-parser-3'), 4: require('socket.io-parser') }
const CONNECT = 0
const EVENT = 2
const ACK = 3
const CONNECT_ERROR = 4
const BINARY = 3 // From EVENT to BINARY_EVENT.

const codec = new Codec()
after(() => codec.stop())

// What follows a packet with so many attachments.
const attachmentsOf = (count) => Array.from({ length: count }, (_, n) => Buffer.from([n]))

/** What the reference makes of a packet, once its attachments have come. `parser` is 3 or 4. */
function byReference (parser, input) {
  const decoder = new parsers[parser].Decoder()
  let decoded
  decoder.on('decoded', (packet) => { decoded = packet })
  try {
    decoder.add(input)
    // The older one says it is an error by a packet of type ERROR.
    if (/^parser error/.test(decoded?.data)) return { error: decoded.data }
    if (!decoded) for (const data of attachmentsOf(decoder.reconstructor.reconPack.attachments)) decoder.add(data)
  } catch (error) {
    return { error: error.message }
  }
  const { type, nsp, id, data } = decoded
  const plainType = type > CONNECT_ERROR ? type - BINARY : type
  return canonical({ type: plainType, nsp, id, data })
}

/** The servers of the reference look at the namespaces of EIO=3 clients as if they were URLs. */
function toServerV3 (packet) {
  if (packet.error !== undefined) return packet
  try {
    const { pathname, searchParams } = new URL(packet.nsp, 'https://socket.io')
    const data = packet.type === CONNECT ? Object.fromEntries(searchParams) : packet.data
    return canonical({ ...packet, nsp: pathname, data })
  } catch (error) {
    return { error: error.message }
  }
}

/** Ours, with the arguments as values. */
function byUs ({ type, nsp, id, data, name, attachments, error }) {
  if (error !== undefined) return { error }
  const plain = data ? JSON.parse(data) : undefined
  const values = attachments ? fill(plain, attachmentsOf(attachments)) : plain
  if (type === EVENT && JSON.parse(name) !== values[0]) return { error: `the event's name is not ${name}` }
  return canonical({ type, nsp, id: id ?? undefined, data: values })
}

/** What an error is about interests nobody, nor the id of what is no event and no ack. */
function canonical ({ type, nsp, id, data }) {
  if (type === CONNECT_ERROR) return { type, nsp }
  return type === EVENT || type === ACK ? { type, nsp, id, data } : { type, nsp, data }
}

const both = (revision, parser) => async (tried) => {
  const questions = tried.map(({ input }) => ({ op: 'socket-packet', revision, data: Buffer.from(input).toString('base64') }))
  return (await codec.ask(questions)).map((answer, at) => {
    const theirs = byReference(parser, tried[at].input)
    return [byUs(answer), revision === 3 && parser === 4 ? toServerV3(theirs) : theirs]
  })
}

// Why they differ. What comes before the data, as both see it.

const isNumber = (character) => character !== '' && Number(character) == character // eslint-disable-line eqeqeq
function head (input) {
  let rest = input.slice(1)
  let count
  if (/[56]/.test(input[0])) [, count, rest] = /^([^-]*)-?(.*)$/s.exec(rest)
  const [nsp] = rest.startsWith('/') ? /^[^,]*,?/.exec(rest) : ['']
  const after = rest.slice(nsp.length)
  const end = [...after].findIndex((character) => !isNumber(character))
  const id = end < 0 ? after : [...after].slice(0, end).join('')
  return { type: input[0] ?? '', count, nsp: nsp.replace(/,$/, ''), id, data: after.slice(id.length) }
}

const on = (input) => ({ input })
const rows = [
  {
    why: 'a packet begins with its type; to the reference nothing, and a space, are 0',
    examples: [on(''), on(' '), on('\n{}')],
    when: ({ input }, ours) => ours.error !== undefined && !/^\d/.test(input) && Number(input.charAt(0)) === CONNECT
  },
  {
    why: 'a number of attachments is decimal digits, four at most; the reference takes what `Number` takes',
    examples: [on('51.0-["a"]'), on('5 1-["a"]'), on('60x1-[]'), on('500001-["a"]')],
    when: ({ input }, ours) => ours.error === 'bad number of attachments' && !/^\d{1,4}$/.test(head(input).count)
  },
  {
    why: 'an id is decimal digits; to the reference spaces are 0, and `1 2` is NaN',
    examples: [on('2 ["a"]'), on('21 2["a"]')],
    when: ({ input }, ours, theirs) => /\D/.test(head(input).id) &&
      (ours.error !== undefined || isDeepStrictEqual(ours, { ...theirs, id: ours.id }))
  },
  {
    why: 'an id has 64 bits; beyond that the reference rounds, up to infinity',
    examples: [on('218446744073709551616["a"]'), on(`2${'9'.repeat(400)}["a"]`)],
    when: ({ input }, ours) => ours.error === 'bad ack id' && BigInt(head(input).id) >= 2n ** 64n
  },
  {
    why: 'an event without a name is senseless; the reference checks only data that there is',
    examples: [on('2'), on('21'), on('51-')],
    when: ({ input }, ours) => ours.error !== undefined && /[25]/.test(head(input).type) && head(input).data === ''
  },
  {
    why: 'an ack without data has no arguments; to the reference it has no data, and is called without any',
    examples: [on('3'), on('3/a,7'), on('61-7')],
    when: ({ input }, ours, theirs) => ours.type === ACK && head(input).data === '' &&
      isDeepStrictEqual(ours, { ...theirs, data: [] })
  },
  {
    why: 'clients do not send CONNECT_ERROR, whatever its data: those who do are closed, in the reference for being malformed',
    examples: [on('4{')],
    when: (_tried, ours, theirs) => ours.type === CONNECT_ERROR && theirs.error !== undefined
  },
  {
    why: 'the number of a placeholder is an integer; to the reference 0.5 is undefined',
    examples: [on('51-["a",{"_placeholder":true,"num":0.5}]'), on('61-[{"_placeholder":true,"num":1e-1}]')],
    when: ({ input }, ours) =>
      ours.error === 'placeholder without attachment' && nums(input).some((num) => num > 0 && !Number.isInteger(num))
  },
  {
    why: 'placeholders in placeholders count too; the reference does not look into what it replaces',
    examples: [on('51-["a",{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":1}}]')],
    when: ({ input }, ours) =>
      ours.error === 'placeholder without attachment' && nums(input).length > outermost(head(input).data)
  },
  {
    why: 'placeholders count in members, too, that a later one of the same name replaces; to the reference those are gone',
    examples: [on('51-["a",{"x":{"_placeholder":true,"num":1},"x":0}]')],
    when: ({ input }, ours) => {
      const { data } = head(input)
      const marks = (json) => json.split('"_placeholder"').length
      return ours.error === 'placeholder without attachment' && marks(data) > marks(JSON.stringify(JSON.parse(data)))
    }
  },
  {
    why: 'a namespace has 4,096 bytes at most; a CONNECT to another one is refused, after it was parsed',
    examples: [on(`0/${'a'.repeat(4_096)}`)],
    when: ({ input }, ours) => ours.error === "the namespace's name is too long" && Buffer.byteLength(head(input).nsp) > 4_096
  }
]

/** The numbers of all placeholders. */
function nums (input) {
  const found = []
  JSON.parse(head(input).data, (_key, value) => {
    if (value?._placeholder === true) found.push(value.num)
    return value
  })
  return found
}

/** How many placeholders are in no other. */
function outermost (data) {
  const count = (value) => {
    if (value === null || typeof value !== 'object') return 0
    return value._placeholder === true ? 1 : Object.values(value).reduce((sum, inner) => sum + count(inner), 0)
  }
  return count(JSON.parse(data))
}

/** Whether it is the same once it has been a URL. */
function isUrl (nsp) {
  const { pathname, search } = new URL(nsp, 'https://socket.io')
  return pathname + search === nsp
}

const rowsV3 = [
  ...rows,
  {
    why: 'a namespace is what is written before its query; the reference normalises it as the path of a URL',
    examples: [on('0/é'), on('2/a b,["a"]'), on('2/a/../b,["a"]'), on('0/a#b'), on('0//a')],
    when: (tried, ours, theirs) => {
      if (theirs.error === 'Invalid URL') return true
      const packet = byReference(4, tried.input)
      if (packet.error !== undefined || isUrl(packet.nsp)) return false
      const [nsp, query] = /^([^?]*)\??(.*)$/s.exec(packet.nsp).slice(1)
      const data = packet.type === CONNECT ? Object.fromEntries(new URLSearchParams(`?${query}`)) : packet.data
      const written = canonical({ ...packet, nsp, data })
      return isDeepStrictEqual(ours, written) || rows.some((row) => row.when(tried, ours, written))
    }
  }
]

const rowsParser3 = [
  ...rows,
  {
    why: 'names that applications listen to are reserved; 2.x did not reserve any',
    examples: [on('2["disconnect"]'), on('51-["connect"]')],
    when: ({ input }, ours) => ours.error === 'bad event name' && typeof JSON.parse(head(input).data)[0] === 'string'
  },
  {
    why: 'the data of a CONNECT is an object; 2.x takes null and arrays for one',
    examples: [on('0null'), on('0/a,[]')],
    when: ({ input }, ours) => ours.error !== undefined && head(input).type === '0' && !/^\s*\{/.test(head(input).data)
  }
]

const generated = (chance) => on(packet(chance).toWellFormed())
const broken = (chance) => on(mutated(chance, packet(chance)).toWellFormed())
for (const [make, how] of [[generated, 'of a grammar with faults'], [broken, 'mutated']]) {
  const test = { make, tryExamples: make === generated }
  agree(`Packets ${how}, EIO=4, socket.io-parser 4`, { ...test, count: 12_000, both: both(4, 4), rows })
  agree(`Packets ${how}, EIO=3, socket.io-parser 4`, { ...test, count: 8_000, both: both(3, 4), rows: rowsV3 })
  agree(`Packets ${how}, socket.io-parser 3`, { ...test, count: 8_000, both: both(4, 3), rows: rowsParser3 })
}

// Around: reference, us, us, reference.

const NAMESPACES = ['/', '/a', '/dynamic-1', '/a-b_c']

/** Events of one session. */
function talk (chance) {
  const nsp = chance.pick(NAMESPACES)
  const event = () => {
    const name = chance.once(5) ? chance.below(100) : `x${text(chance)}`
    const args = chance.some(4, () => value(chance, { binary: !chance.once(3) }))
    return { type: EVENT, nsp, ...(chance.once(2) && { id: chance.below(chance.once(9) ? 2 ** 32 : 100) }), data: [name, ...args] }
  }
  return { nsp, events: [event(), event(), event()], input: '' }
}

const hasBytes = (data) => Buffer.isBuffer(data) ||
  (data !== null && typeof data === 'object' && Object.values(data).some(hasBytes))

/** The frames of a packet. The older encoder wants to be told of bytes. */
function framesOf (parser, packet) {
  if (parser === 4) return new parsers[4].Encoder().encode(packet)
  let frames
  const isBinary = hasBytes(packet.data)
  new parsers[3].Encoder().encode({ ...packet, type: packet.type + (isBinary ? BINARY : 0) }, (all) => { frames = all })
  return frames
}

const inFrame = (revision, data) => revision === 4 ? data : Buffer.concat([Buffer.from([4]), data])
const outOfFrame = (revision, data) => revision === 4 ? data : data.subarray(1)
const message = (revision) => (frame) => typeof frame === 'string'
  ? { text: `4${frame}` }
  : { binary: inFrame(revision, frame).toString('base64') }

/** The events and acks in what we sent. */
function heard (revision, parser, messages) {
  const decoder = new parsers[parser].Decoder()
  const packets = []
  decoder.on('decoded', ({ type, nsp, id, data }) => {
    packets.push({ type: type > CONNECT_ERROR ? type - BINARY : type, nsp, id, data })
  })
  for (const { text, binary } of messages) {
    if (binary !== undefined) decoder.add(outOfFrame(revision, Buffer.from(binary, 'base64')))
    else if (text[0] === '4') decoder.add(text.slice(1))
  }
  return packets.filter(({ type }) => type !== CONNECT)
}

/** What the server of `exchange` is to answer with. */
const answerTo = ({ nsp, id, data }) => id === undefined
  ? { type: EVENT, nsp, id, data: ['back', ...data] }
  : { type: ACK, nsp, id, data: data.slice(1) }

for (const revision of [3, 4]) {
  agree(`Events go around, EIO=${revision}`, {
    count: 5_000,
    make: talk,
    both: async (tried) => {
      const answers = await codec.ask(tried.map(({ nsp, events }) => {
        const connect = revision === 3 && nsp === '/' ? [] : [nsp === '/' ? '0' : `0${nsp},`]
        const frames = [...connect, ...events.flatMap((event) => framesOf(revision, event))]
        return { op: 'exchange', revision, messages: frames.map(message(revision)) }
      }))
      return answers.map(({ messages, end, error }, at) => [
        { packets: error ?? heard(revision, revision, messages), end },
        { packets: tried[at].events.map(answerTo), end: null }
      ])
    }
  })
}
