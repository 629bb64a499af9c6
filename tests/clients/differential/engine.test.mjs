// Engine.IO packets and payloads, both revisions, compared with engine.io-parser 5 (EIO=4) and 2 (EIO=3): what its encoders
// write is read by us, what we write is read by it, and of what neither should have written both think the same, or a row of
// a table says why not.
import { isUtf8 } from 'node:buffer'
import { createRequire } from 'node:module'
import { after } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Codec } from '../support/codec.mjs'
import { agree } from '../support/differences.mjs'
import { mutated, text } from '../support/generate.mjs'

const require = createRequire(import.meta.url)
const parsers = { 3: require('engine.io-parser-2'), 4: require('engine.io-parser') }
const TYPES = ['open', 'close', 'ping', 'pong', 'message', 'upgrade', 'noop']

const codec = new Codec()
after(() => codec.stop())

// A case is { version, kind, input }: `kind` is what the frame or the content-type says, `input` text or bytes.

const base64 = (input) => Buffer.from(input).toString('base64')
const ask = (op) => async (tried) => {
  const answers = await codec.ask(tried.map(({ version: revision, kind, input }) => ({ op, revision, kind, data: base64(input) })))
  return answers.map(({ packets = [], error }, at) => [
    { packets, ...(error && { error }) },
    op === 'payload' ? payloadOf(tried[at]) : packetOf(tried[at])
  ])
}

/** Only what a message carries matters, and of a ping whether it is a probe. */
function plain ({ type, data }) {
  if (type === 'ping') return { type, probe: data === 'probe' }
  if (type !== 'message') return Buffer.isBuffer(data) ? { type, binary: base64(data) } : { type }
  return Buffer.isBuffer(data) ? { type, binary: base64(data) } : { type, text: data ?? '' }
}

const isError = ({ type, data }) => type === 'error' && data === 'parser error'
const received = ({ kind, input }) => kind === 'binary' ? Buffer.from(input) : Buffer.from(input).toString()

function packetOf (tried) {
  const packet = parsers[tried.version].decodePacket(received(tried))
  return isError(packet) ? { packets: [], error: 'parser error' } : { packets: [plain(packet)] }
}

/** What a session would hear: nothing after an error, since it is closed. */
function payloadOf ({ version, kind, input }) {
  const packets = []
  const heard = (packet) => { packets.push(packet) }
  const body = received({ kind, input })
  if (version === 4) parsers[4].decodePayload(body).forEach(heard)
  else parsers[3].decodePayload(body, undefined, heard)
  const end = packets.findIndex(isError)
  return end < 0 ? { packets: packets.map(plain) } : { packets: packets.slice(0, end).map(plain), error: 'parser error' }
}

/** What came before an error was heard, so where it is matters too: here it is a packet like any other. */
const whole = (both) => async (tried) => (await both(tried)).map((pair) => pair.map(({ packets, error }) => ({
  packets: error === undefined ? packets : [...packets, 'error'],
  refused: error !== undefined
})))

// Making them.

const packetText = (chance) => chance.once(8)
  ? chance.pick(['b', 'b4', 'b4', 'b2']) + base64(chance.bytes(8))
  : `${chance.once(8) ? chance.pick(['', 'b', '7', '9', ' ', '-', '٣', '😀']) : chance.below(7)}` +
    `${chance.once(5) ? 'probe' : chance.once(3) ? '' : text(chance)}`

// JSON escapes what separates EIO=4's packets.
const words = (chance) => text(chance, chance.once(10) ? 200 : 12).replaceAll('\x1e', '')
const message = (chance) => chance.once(3)
  ? { type: 'message', data: chance.bytes(chance.once(10) ? 300 : 8) }
  : { type: chance.once(4) ? chance.pick(TYPES) : 'message', data: words(chance) }

const messages = (chance) => [message(chance), ...chance.some(5, () => message(chance))]

/** A payload as the reference's clients send it. */
function encoded (version, packets, binary) {
  let body
  if (version === 4) parsers[4].encodePayload(packets, (data) => { body = data })
  else parsers[3].encodePayload(packets, binary, (data) => { body = data })
  return { version, kind: typeof body === 'string' ? 'text' : 'binary', input: body }
}

/** For EIO=3 the binary form, if that is asked for: there has to be something binary in it. */
function someMessages (chance, binary) {
  const packets = messages(chance)
  return binary ? [...packets, { type: 'message', data: chance.bytes(8) }] : packets
}

// Why they differ.

const LOOSE = 'base64 is taken strictly; Node skips what is none'
const NO_MESSAGE = 'only messages can be binary; EIO=3 of the reference takes any type, and types that there are not'
const NOT_UTF8 = 'text that is no UTF-8 is refused; Node puts U+FFFD where it is not'
const NUMBER = 'a length is decimal digits, ten at most; the reference takes what `Number` takes'
const HALF = 'a length may not split a character; the reference splits surrogate pairs'
const EMPTY = 'an empty packet is none; EIO=3 of the reference skips it'
const BEYOND = 'a length may not reach beyond the body; EIO=3 of the reference takes what there is'
const BYTE = 'a packet of a binary payload begins with 0 or 1, its length has digits below 10; the reference adds up what there is'
const FIRST = 'what comes before a wrong length was heard; EIO=3 of the reference reads all lengths before any packet'
const SURROGATES = 'surrogates are no UTF-8; EIO=3 of the reference takes them'

/** Where two lists of packets part. */
const parting = (ours, theirs) => ours.packets.findIndex((packet, at) => !isDeepStrictEqual(packet, theirs.packets[at]))
/** We refused the packet; they did not. */
const onlyOurs = (ours, theirs) => {
  const at = parting(ours, theirs)
  return ours.packets[at] === 'error' && theirs.packets[at] !== 'error' ? at : undefined
}
const row = (why, examples, when) => ({
  why,
  examples,
  when: (tried, ours, theirs) => {
    const at = onlyOurs(ours, theirs)
    return at !== undefined && when(tried, at, theirs.packets[at])
  }
})
const isLoose = (text) => Buffer.from(text, 'base64').toString('base64') !== text
const notUtf8 = (version) => row(
  NOT_UTF8,
  [{ version, kind: 'text', input: Buffer.from(version === 4 ? [0x34, 0xff] : [0x32, 0x3a, 0x34, 0xff]) }],
  ({ input }) => !isUtf8(Buffer.from(input)))

/** The lengths and packets of an EIO=3 text payload, as JavaScript counts. */
function piecesV3 (body) {
  const pieces = []
  while (body.includes(':')) {
    const end = body.indexOf(':')
    const length = body.slice(0, end)
    const packet = body.slice(end + 1, end + 1 + Number(length))
    const rest = body.slice(end + 1 + packet.length)
    pieces.push({ length, packet, splits: /[\ud800-\udbff]$/.test(packet) && /^[\udc00-\udfff]/.test(rest) })
    if (!(Number(length) >= 0)) break
    body = rest
  }
  return pieces
}

/** The same of a binary payload: one whose length does not fit is the last. */
function piecesV3Binary (body) {
  const pieces = []
  while (body.length > 0) {
    const end = body.indexOf(255)
    const digits = body.subarray(1, Math.max(end, 1))
    const isPlain = body[0] <= 1 && end > 1 && digits.length <= 10 && digits.every((digit) => digit < 10)
    const length = isPlain ? Number([...digits].join('')) : NaN
    const fits = isPlain && length <= body.length - end - 1
    const data = body.subarray(end + 1, end + 1 + length)
    pieces.push({ isPlain, fits, isText: body[0] === 0, data })
    if (!fits) break
    body = body.subarray(end + 1 + length)
  }
  return pieces
}

// One packet.

for (const version of [3, 4]) {
  const frame = (input, kind = 'text') => ({ version, kind, input })

  agree(`EIO=${version}: text frames`, {
    count: 6_000,
    make: (chance) => frame(chance.once(3) ? mutated(chance, packetText(chance)) : packetText(chance)),
    both: whole(ask('engine-packet')),
    rows: [
      row(LOOSE, [frame(version === 4 ? 'b!' : 'b4!')], ({ input }) => {
        const prefix = version === 4 ? 'b' : 'b4'
        return input.startsWith(prefix) && isLoose(input.slice(prefix.length))
      }),
      ...(version === 4 ? [] : [row(NO_MESSAGE, [frame('bAAE='), frame('b2AAE=')], ({ input }) => /^b(?!4)/.test(input))])
    ]
  })

  const rowsOfBinary = [row(
    NO_MESSAGE,
    [frame(Buffer.from([2, 1]), 'binary'), frame(Buffer.from([9]), 'binary'), frame(Buffer.alloc(0), 'binary')],
    ({ input }, _at, packet) => input[0] !== 4 && packet.type !== 'message')]
  agree(`EIO=${version}: binary frames`, {
    count: 3_000,
    make: (chance) => frame(Buffer.concat([chance.once(4) ? Buffer.alloc(0) : Buffer.from([4]), chance.bytes(8)]), 'binary'),
    both: whole(ask('engine-packet')),
    rows: version === 4 ? [] : rowsOfBinary
  })
}

// Payloads that the reference wrote.

for (const [version, binary] of [[4, false], [3, false], [3, true]]) {
  agree(`EIO=${version}${binary ? ', binary' : ''}: payloads by the reference`, {
    count: 4_000,
    make: (chance) => {
      const packets = someMessages(chance, binary)
      return { ...encoded(version, packets, binary), packets }
    },
    // The packets themselves are what is right.
    both: async (tried) => (await ask('payload')(tried)).map(([ours], at) => [ours, { packets: tried[at].packets.map(plain) }])
  })
}

// Payloads that we wrote.

/** A frame of ours: text of a message, and what is attached to it. */
const frameOf = (chance) => chance.once(8)
  ? chance.pick(['close', 'ping', 'pong', 'noop'])
  : {
      text: chance.once(10) ? '' : `4${words(chance)}`,
      attachments: (chance.once(2) ? [] : [chance.bytes(8), ...chance.some(2, () => chance.bytes(30))]).map(base64)
    }
const packetsOf = (frame) => typeof frame === 'string'
  ? [frame === 'ping' ? { type: 'ping', probe: false } : { type: frame }]
  : [
      ...(frame.text === '' ? [] : [{ type: 'message', text: frame.text.slice(1) }]),
      ...frame.attachments.map((binary) => ({ type: 'message', binary }))
    ]

for (const [version, b64] of [[4, false], [3, true], [3, false]]) {
  agree(`EIO=${version}${b64 ? ', b64' : ''}: payloads by us`, {
    count: 4_000,
    make: (chance) => ({ version, b64, input: '', frames: [frameOf(chance), ...chance.some(4, () => frameOf(chance))] }),
    both: async (tried) => {
      const some = ({ frames }) => frames.some((frame) => packetsOf(frame).length > 0)
      const questions = tried.map(({ version: revision, frames: packets }) =>
        ({ op: 'encode-payload', revision, base64: b64, packets }))
      return (await codec.ask(questions)).map(({ kind, data }, at) => {
        const input = Buffer.from(data, 'base64')
        const wanted = { packets: tried[at].frames.flatMap(packetsOf) }
        // No poll is answered with nothing.
        return [some(tried[at]) ? payloadOf({ version, kind, input }) : { packets: [] }, wanted]
      })
    }
  })
}

// Payloads that nobody should have written.

agree('EIO=4: mutated payloads', {
  count: 12_000,
  make: (chance) => {
    const { input } = encoded(4, messages(chance))
    return { version: 4, kind: 'text', input: mutated(chance, chance.once(6) ? Buffer.from(input) : input) }
  },
  both: whole(ask('payload')),
  rows: [
    notUtf8(4),
    row(LOOSE, [{ version: 4, kind: 'text', input: '4a\x1eb!' }, { version: 4, kind: 'text', input: 'bAB' }], ({ input }, at) => {
      const packet = received({ input }).split('\x1e')[at]
      return packet.startsWith('b') && isLoose(packet.slice(1))
    })
  ]
})

const v3 = (input) => ({ version: 3, kind: 'text', input })
agree('EIO=3: mutated text payloads', {
  count: 15_000,
  make: (chance) => {
    const { input } = encoded(3, messages(chance), false)
    if (chance.once(3)) return v3(mutatedLength(chance, input))
    return v3(mutated(chance, chance.once(6) ? Buffer.from(input) : input))
  },
  both: whole(ask('payload')),
  rows: [
    notUtf8(3),
    row(NUMBER, ['1e0:4', '0x2:4a', ' 2:4a', '2.0:4a', '00000000002:4a'].map(v3),
      ({ input }, at) => !/^\d{1,10}$/.test(piecesV3(received({ input }))[at].length)),
    row(HALF, [v3('2:4😀2:4a')], ({ input }, at) => piecesV3(received({ input }))[at].splits),
    row(EMPTY, [v3('0:'), v3('2:4a0:2:4b')], ({ input }, at) => piecesV3(received({ input }))[at].packet === ''),
    row(NO_MESSAGE, [v3('1:b'), v3('6:b2AAAA'), v3('6:bxAAAA')],
      ({ input }, at) => /^b(?!4)/.test(piecesV3(received({ input }))[at].packet)),
    row(LOOSE, [v3('3:b4!')], ({ input }, at) => {
      const { packet } = piecesV3(received({ input }))[at]
      return packet.startsWith('b4') && isLoose(packet.slice(2))
    })
  ]
})

/** One of the lengths is another, or written otherwise. */
function mutatedLength (chance, body) {
  const lengths = [...body.matchAll(/(?<=^|\D)\d+(?=:)/g)]
  if (lengths.length === 0) return body
  const { 0: length, index } = chance.pick(lengths)
  const other = chance.pick([
    () => String(Number(length) + chance.pick([-1, 1, -2, 2, 10])), () => `0${length}`, () => `${length}.0`, () => ` ${length}`,
    () => `${length}e0`, () => `0x${Number(length).toString(16)}`, () => `+${length}`, () => '', () => '99999999999999999999',
    () => length.padStart(11, '0'), () => `${length}\n`, () => '-1', () => '0'
  ])()
  return body.slice(0, index) + other + body.slice(index + length.length)
}

const v3Binary = (...bytes) => {
  const parts = bytes.map((part) => Buffer.from(typeof part === 'number' ? [part] : part))
  return { version: 3, kind: 'binary', input: Buffer.concat(parts) }
}
agree('EIO=3: mutated binary payloads', {
  count: 15_000,
  make: (chance) => {
    const { input, ...how } = encoded(3, someMessages(chance, true), true)
    return { ...how, input: mutated(chance, input) }
  },
  both: whole(ask('payload')),
  rows: [
    {
      why: 'an empty body is no payload; the reference finds no packets in it, and no fault',
      examples: [v3Binary()],
      when: ({ input }) => input.length === 0
    },
    row(BEYOND, [v3Binary(0, 9, 255, '4a')], ({ input }, at) => {
      const { isPlain, fits } = piecesV3Binary(input)[at]
      return isPlain && !fits
    }),
    row(BYTE, [v3Binary(2, 2, 255, 4, 1), v3Binary(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 255, '4a')],
      ({ input }, at) => !piecesV3Binary(input)[at].isPlain),
    row(NO_MESSAGE, [v3Binary(1, 2, 255, 2, 1), v3Binary(1, 0, 255), v3Binary(0, 1, 255, 'b')], ({ input }, at) => {
      const { fits, isText, data } = piecesV3Binary(input)[at]
      return fits && (isText ? /^b(?!4)/.test(data.toString()) : data[0] !== 4)
    }),
    row(LOOSE, [v3Binary(0, 3, 255, 'b4!')], ({ input }, at) => {
      const { fits, isText, data } = piecesV3Binary(input)[at]
      return fits && isText && data.subarray(0, 2).equals(Buffer.from('b4')) && isLoose(data.toString('latin1').slice(2))
    }),
    row(SURROGATES, [v3Binary(0, 4, 255, '4', 0xed, 0xa0, 0x80)], ({ input }, at) => {
      const { fits, isText, data } = piecesV3Binary(input)[at]
      return fits && isText && !isUtf8(data) && data.includes(0xed)
    }),
    {
      why: FIRST,
      examples: [v3Binary(0, 2, 255, '4a', 0, 9)],
      when: ({ input }, ours, theirs) => isDeepStrictEqual(theirs.packets, ['error']) && ours.packets.at(-1) === 'error' &&
        !piecesV3Binary(input).at(-1).fits
    }
  ]
})
