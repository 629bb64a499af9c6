// Whole conversations, the same with our server and with the reference's, step by step: several clients of both revisions and
// both transports connect, join, talk, ask, answer, upgrade, misbehave and leave. What each of them hears has to be the same
// after each step, or a row of the table says why it is not; there such a conversation ends.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { inspect, isDeepStrictEqual } from 'node:util'
import { cases, Chance, SEED } from '../support/chance.mjs'
import { ASKING, Stage } from '../support/conversation.mjs'
import { text, value } from '../support/generate.mjs'
import { Server } from '../support/server.mjs'

const CLIENTS = 4
const STEPS = 40
const CONVERSATIONS = 40
const SHOWN = 4
// Nobody is to hear a ping by chance.
const FLAGS = ['--ping-interval', '600000', '--max-payload', '100000']

const servers = { rooms: [], sio: [] }
const stages = { rooms: [], sio: [] }
before(async () => {
  for (const kind of Object.keys(servers)) {
    servers[kind] = await Promise.all([Server.startSuite(kind, FLAGS), Server.startReference(kind, FLAGS)])
    stages[kind] = servers[kind].map((server) => new Stage(server, kind === 'rooms'))
  }
})
after(async () => {
  await Promise.all(Object.values(servers).flat().map((server) => server.stop()))
})

// Making them.

const NAMESPACES = {
  rooms: ['/', '/', '/dynamic-1', '/dynamic-2', '/dynamic-3', '/nowhere'],
  sio: ['/', '/', '/custom', '/echo', '/nowhere']
}
const ROOMS = ['red', 'green', 'blue', 'ü', '']
const WRONG = [
  '', '7', 'x', '2', '2probe', '3', '5', '6', '0', 'b!', 'bAAE=', 'b4AAE=', { hex: '' }, { hex: '00ff' },
  '4', '4 ', '47', '49["x"]', '40', '40[]', '40{', '40null', '40/nowhere', '41x', '43', '430[]', '43/dynamic-9,7[]', '44', '44{"message":"no"}',
  '42', '42["a"', '42{}', '42[]', '42[null]', '42["connect"]', '42["disconnect"]', '42/nowhere,["a"]',
  '45["a"]', '450-["a"]', '451-["a"]', '4511-["a"]', '451-["id",{"_placeholder":true,"num":1}]', '461-0[]'
]
const BODIES = [
  '', '\x1e', '4\x1e', '42["a"]\x1e', '9\x1e6', '42["id"]', '4', '6', '1', 'a',
  ':', '1:', '0:', '2:4', '99:4', '3:4é', '1:6', '1:61:6', '1:1'
]

/** A conversation. Most is said where it can be heard: `joined` is, for each client, where it is if nothing has gone wrong. */
function steps (chance, kind) {
  const joined = Array.from({ length: CLIENTS }, () => new Set())
  const list = []
  for (let who = 0; who < CLIENTS - 1; who += 1) {
    const opened = open(chance, who)
    list.push(opened, ...(opened.version === 4 ? [{ act: 'send', who, packets: ['40'] }] : []))
    joined[who].add('/')
  }
  while (list.length < STEPS) list.push(step(chance, kind, joined))
  return list
}

function open (chance, who) {
  return { act: 'open', who, version: chance.pick([3, 4]), transport: chance.pick(['polling', 'websocket']), binary: chance.once(2) }
}

function step (chance, kind, joined) {
  const who = chance.below(CLIENTS)
  const often = (times, make) => Array(times).fill(make)
  const talk = () => events(chance, kind, [...joined[who]])
  return chance.pick([
    ...often(14, () => open(chance, who)),
    ...often(14, () => ({ act: 'send', who, packets: [join(chance, kind, joined[who])] })),
    ...often(60, () => ({ act: 'send', who, packets: talk() })),
    ...often(4, () => ({ act: 'send', who, packets: [leave(chance.pick(NAMESPACES[kind]), joined[who])] })),
    ...often(5, () => ({ act: 'upgrade', who, waiting: chance.once(3) })),
    ...often(3, () => ({ act: 'send', who, packets: chance.once(2) ? [chance.pick(WRONG)] : [chance.pick(WRONG), ...talk()] })),
    () => ({ act: 'post', who, body: chance.pick(BODIES), ...(chance.once(5) && { type: 'application/octet-stream' }) }),
    () => ({ act: 'overlap', who, aborted: chance.once(2) }),
    ...often(2, () => ({ act: 'leave', who, how: chance.pick(['close', 'cut']) })),
    ...often(4, () => ({ act: 'http', who, ...http(chance) }))
  ])()
}

function leave (nsp, joined) {
  joined.delete(nsp)
  return `41${prefix(nsp)}`
}

const prefix = (nsp) => nsp === '/' ? '' : `${nsp},`

/** A CONNECT. EIO=3 clients say in a query what others say in JSON; here everybody says anything. */
function join (chance, kind, joined) {
  const nsp = chance.pick(NAMESPACES[kind])
  joined.add(nsp)
  const auth = chance.pick([
    '', '', '', '{}', '{"a":1}', '{"refuse":true}', '{"refuse":"x","data":{"why":[1,null]}}', '{"refuse":true,"data":"x"}', '{"refuse":false}'
  ])
  const query = chance.once(4) ? chance.pick(['?refuse=1', '?refuse=1&data=x', '?a=b&a=c']) : ''
  return query ? `40${nsp}${query},${auth}` : `40${prefix(nsp)}${auth}`
}

/** An event with its attachments, once or several. */
function events (chance, kind, joined) {
  const one = () => {
    const nsp = chance.pick(joined.length === 0 || chance.once(20) ? NAMESPACES[kind] : joined)
    const attachments = []
    const json = JSON.stringify((kind === 'rooms' ? roomsEvent : sioEvent)(chance), (_key, value) => {
      if (value?.type !== 'Buffer') return value
      return { _placeholder: true, num: attachments.push({ hex: Buffer.from(value.data).toString('hex') }) - 1 }
    })
    const isBinary = attachments.length > 0
    const id = chance.once(8) ? '' : chance.below(100)
    return [`4${isBinary ? `5${attachments.length}-` : 2}${prefix(nsp)}${id}${json}`, ...attachments]
  }
  // When an answer comes that somebody else is asked for is chance, where anything else is said.
  const all = Array.from({ length: chance.once(4) ? 3 : 1 }, one)
  const asking = all.find(([head]) => ASKING.test(head))
  return asking ?? all.flat()
}

const someRooms = (chance) => chance.some(2, () => chance.pick(ROOMS))
const how = (chance) => ({
  ...(chance.once(2) && { rooms: someRooms(chance) }),
  ...(chance.once(4) && { except: someRooms(chance) }),
  ...(chance.once(3) && { broadcast: true })
})
const bytes = (chance) => chance.once(2) ? [Buffer.from(chance.some(4, () => chance.below(256)))] : []

const roomsEvent = (chance) => chance.pick([
  () => ['id'], () => ['count'], () => ['namespaces'], () => ['rooms'], () => ['get'], () => ['reasons'], () => ['recovered'],
  () => ['join', chance.pick(ROOMS)], () => ['join', chance.pick(ROOMS)], () => ['leave', chance.pick(ROOMS)],
  () => ['set', value(chance)],
  () => ['send', how(chance), 'news', value(chance), ...bytes(chance)], () => ['send', how(chance), 'news', ...bytes(chance)],
  () => ['ask', { ...how(chance), timeout: 9_000 }, value(chance)], () => ['askme', { timeout: 9_000 }, value(chance)],
  () => ['fetch', someRooms(chance)],
  () => ['joinall', someRooms(chance), chance.pick(ROOMS)], () => ['leaveall', someRooms(chance), chance.pick(ROOMS)],
  () => chance.once(3) ? ['disconnectall', someRooms(chance), chance.once(2)] : ['nothing'],
  () => chance.once(3) ? ['out', chance.once(2)] : [text(chance), value(chance)]
])()

const sioEvent = (chance) => [
  chance.pick(['message', 'message', 'message-with-ack', 'emit-with-ack', 'echo', 'nothing', 7]),
  ...chance.some(4, () => value(chance, { binary: !chance.once(3) }))
]

const http = (chance) => ({
  method: chance.pick(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']),
  query: chance.pick([
    { sid: 'nonsense' }, { transport: 'none' }, { transport: null }, { transport: 'websocket' }, { transport: '__proto__' },
    { EIO: '3' }, { EIO: '4' }, { EIO: '3', sid: 'nonsense' },
    { sid: null, transport: 'none' }, { sid: null, transport: 'websocket' }
  ]),
  ...(chance.once(4) && { headers: { origin: 'http://else.where' } })
})

// Why they differ.

/** One list has all that is in the other, in its order, and more. */
const isMore = (list, less) => {
  const left = [...less]
  for (const entry of list) if (left.length > 0 && isDeepStrictEqual(entry, left[0])) left.shift()
  return left.length === 0 && list.length > less.length
}
const isOver = (said) => said.at(-1)?.[0] === 'over'
const begins = (said, ...words) => isDeepStrictEqual(said[0]?.slice?.(0, words.length), words)

const polling = (version) => ({ act: 'open', who: 0, version, transport: 'polling', binary: true })
const socket = (version) => ({ act: 'open', who: 0, version, transport: 'websocket', binary: true })
const send = (...packets) => ({ act: 'send', who: 0, packets })
const ask = (method, query, headers) => ({ act: 'http', who: 0, method, query, headers })
const post = (body, type) => ({ act: 'post', who: 0, body, type })

// { why, examples, when(step, ours, theirs, earlier), goesOn }: what the client whose step it was has heard, and conversations in
// which that happens, where it is not chance; `goesOn` where both servers are none the worse for it. `earlier` are the steps before.
const malformed = 'a POST that is no payload is answered 400; the reference says `ok` and ends the session even so'
const rows = [
  {
    why: 'pages of another origin are refused unless they are allowed; the reference leaves that to browsers',
    examples: [[polling(4), ask('GET', { sid: 'nonsense' }, { origin: 'http://else.where' })]],
    when: ({ headers }, ours, theirs) =>
      headers?.origin && begins(ours, 'http', 403) && isDeepStrictEqual(ours.slice(1), theirs.slice(1)),
    goesOn: true
  },
  {
    why: 'so are their POSTs; what the reference makes of one may end the session',
    examples: [],
    when: ({ method, headers }, ours, theirs) =>
      method === 'POST' && headers?.origin && begins(ours, 'http', 403) && begins(theirs, 'http', 200)
  },
  {
    why: 'OPTIONS without an Origin asks for nothing; the `cors` of the reference answers any',
    examples: [],
    when: ({ method }, ours, theirs) => method === 'OPTIONS' && begins(ours, 'http', 400) && begins(theirs, 'http', 204),
    goesOn: true
  },
  {
    why: 'other methods than GET and POST are answered 400; the reference says 500 where there is a session',
    examples: [[polling(3), ask('PUT', {})]],
    when: ({ method }, ours, theirs) =>
      !['GET', 'POST'].includes(method) && begins(ours, 'http', 400) && begins(theirs, 'http', 500),
    goesOn: true
  },
  {
    why: malformed,
    examples: [[polling(4), post('9')], [polling(3), post('9:4')], [polling(4), send('40', 'b!')], [polling(4), ask('POST', {})]],
    when: (_step, ours, theirs) => ['POST', 'http'].some((what) => begins(ours, what, 400, '', '') && begins(theirs, what, 200)) &&
      isOver(ours) && isOver(theirs),
    goesOn: true
  },
  {
    why: 'only messages can be binary; EIO=3 of the reference takes any type, and types that there are not',
    examples: [[polling(3), send('b2AAE=')], [socket(3), send('b')]],
    when: ({ packets }, ours, theirs) =>
      packets?.some((packet) => /^b(?!4)/.test(packet)) && isOver(ours) && !isOver(theirs)
  },
  {
    why: 'an empty packet is none, nor is an empty payload; EIO=3 of the reference passes over them',
    examples: [[polling(3), post('0:')], [polling(3), post('', 'application/octet-stream')]],
    when: ({ packets, body }, ours, theirs) =>
      (packets?.includes('') || body === '' || body?.includes('0:')) && isOver(ours) && !isOver(theirs)
  },
  {
    why: 'a packet begins with its type; to the reference a space is 0',
    examples: [[socket(4), send('4 ')], [polling(4), send('4 ')]],
    when: ({ packets }, ours, theirs) => packets?.includes('4 ') && isOver(ours) && !isOver(theirs)
  },
  {
    why: 'an event without a name is senseless; the reference checks only data that there is',
    examples: [[socket(3), send('42')], [socket(4), send('40'), send('42')]],
    when: ({ packets }, ours, theirs) =>
      packets?.some((packet) => /^4[25](\d-)?(\/[^,]*,?)?\d*$/.test(packet)) && isOver(ours) && !isOver(theirs)
  },
  {
    why: 'reasons to close that the reference names otherwise: a packet of a namespace that its sender is not in, where no poll ' +
      'waits; what is no base64, since it makes bytes of that',
    examples: [
      [polling(3), send('42/nowhere,["id"]'), { ...socket(3), who: 1 }, { ...send('427["reasons"]'), who: 1 }],
      [polling(4), send('40'), send('b!', '42["id"]'), { ...socket(3), who: 1 }, { ...send('427["reasons"]'), who: 1 }]
    ],
    when: (_step, ours, theirs, earlier) => {
      const bytes = earlier.some(({ packets }) => packets?.includes('b!'))
      const [here, there] = [ours, theirs].map((said) => JSON.stringify(said))
      return there.replaceAll('"forced server close"', '"forced close"') ===
        (bytes ? here.replaceAll('"parse error"', '"forced close"') : here)
    },
    goesOn: true
  },
  {
    why: 'whether what is said just after the server has put somebody out is a fault is chance: the client could not know',
    examples: [],
    when: ({ packets }, ours, theirs) => packets?.length > 1 && ours.some(({ type }) => type === 1) &&
      (isMore(ours, theirs) || isMore(theirs, ours))
  },
  {
    why: 'whether events are answered that a fault follows at once is chance, here and there',
    examples: [],
    when: ({ packets }, ours, theirs) => packets?.length > 1 && isOver(ours) && isOver(theirs) &&
      (isMore(ours, theirs) || isMore(theirs, ours))
  },
  {
    why: 'so is what such events did to others',
    examples: [],
    when: (_step, _ours, _theirs, earlier) =>
      earlier.some(({ packets }) => packets?.length > 1 && packets.some((packet) => /\["[a-z]+all"/.test(packet)))
  }
]

for (const { why, examples } of rows) {
  if (examples.length === 0) continue
  test(`Conversations; known to differ: ${why}`, async () => {
    for (const list of examples) {
      const reasons = {}
      const fault = await converse('rooms', list, nextPrefix(), reasons)
      const all = [...Object.keys(reasons), ...fault ? [fault.why] : []]
      // What is malformed is answered first, and is a reason to close later.
      assert.deepEqual(why === malformed ? all : all.filter((other) => other !== malformed), [why], tell({ list, fault }))
    }
  })
}

/** Plays a conversation on both stages. Resolves with where it differed, if it did. */
async function converse (kind, list, prefix, reasons = {}, tally = {}) {
  const fault = await play(kind, list, prefix, reasons, tally)
  const [ours, theirs] = await Promise.all(stages[kind].map((stage) => stage.end().catch((error) => error.message)))
  return fault ?? (ours === theirs ? undefined : { at: list.length, ours, theirs })
}

async function play (kind, list, prefix, reasons, tally) {
  for (const [at, step] of list.entries()) {
    const play = (stage) => stage.play(step, prefix).catch((error) => ({ failed: error.message }))
    const [ours, theirs] = await Promise.all(stages[kind].map(play))
    tally.heard += Object.values(theirs).flat().length
    if (isDeepStrictEqual(ours, theirs)) continue
    const row = rows.find(({ when }) => when(step, ours[step.who] ?? [], theirs[step.who] ?? [], list.slice(0, at)))
    if (!row?.goesOn) return { at, step, ours, theirs, why: row?.why }
    reasons[row.why] = (reasons[row.why] ?? 0) + 1
  }
}

let conversations = 0
function nextPrefix () {
  conversations += 1
  return `c${conversations}.`
}

/** As few steps as still differ in a way that nobody has explained. */
async function shrink (kind, list, fault) {
  for (let size = Math.ceil(list.length / 2); size > 0; size = Math.floor(size / 2)) {
    for (let at = list.length - size; at >= 0; at -= size) {
      const fewer = [...list.slice(0, at), ...list.slice(at + size)]
      const again = await converse(kind, fewer, nextPrefix())
      if (again && !again.why) [list, fault] = [fewer, again]
    }
  }
  return { list, fault }
}

const tell = ({ list, fault }) =>
  `${list.map((step) => JSON.stringify(step)).join('\n')}\n${inspect(fault, { depth: 12, breakLength: 110, maxArrayLength: 200 })}`

for (const kind of ['rooms', 'sio']) {
  test(`Conversations with servers of the kind ${kind}`, { timeout: 3_600_000 }, async (t) => {
    const chance = Chance.of(kind)
    const tally = { conversations: 0, steps: 0, heard: 0, differ: 0 }
    const reasons = {}
    const faults = []
    for (; tally.conversations < cases(CONVERSATIONS) && faults.length < SHOWN; tally.conversations += 1) {
      const list = steps(chance, kind)
      const fault = await converse(kind, list, nextPrefix(), reasons, tally)
      tally.steps += fault?.at ?? list.length
      if (!fault) continue
      tally.differ += 1
      if (fault.why) reasons[fault.why] = (reasons[fault.why] ?? 0) + 1
      else faults.push(await shrink(kind, list.slice(0, fault.at + 1), fault))
    }
    t.diagnostic(`SEED=${SEED}: ${inspect(tally, { breakLength: Infinity })} ${inspect(reasons, { compact: false })}`)
    assert.equal(faults.length, 0, `SEED=${SEED}: differences that nobody has explained\n${faults.map(tell).join('\n\n')}`)
  })
}
