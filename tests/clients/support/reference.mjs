// A small chat on the reference implementation, held to the same contract as the server under test, so that a failing
// test can be run against both: where this one passes, the expectation is right. Takes the same flags. For the browser
// tests REFERENCE_PAGE names the directory of the built page.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Server } from 'socket.io'

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string', default: '8081' },
    listen: { type: 'string', default: '127.0.0.1' },
    'ping-interval': { type: 'string', default: '25000' },
    'ping-timeout': { type: 'string', default: '20000' },
    'max-payload': { type: 'string', default: '1000000' },
    'message-burst': { type: 'string', default: '30' },
    'allow-origin': { type: 'string', multiple: true, default: [] }
  }
})

const TICK_MS = 100 // the room says at most once in a tick what changed
const SAID_SINGLY = 3
const NAMES_LISTED = 10
const LONGEST_TEXT = 2000 // UTF-16 code units
const BURST = Number(flags['message-burst'])
const PER_SECOND = 5
const BYTES_PER_TOKEN = 1000 // of a text as JSON
const REFUSALS_APART_MS = 1000

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types vue"

const http = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost') // Has no `..` left in it.
  const name = pathname === '/' ? '/index.html' : pathname
  try {
    const file = readFileSync(process.env.REFERENCE_PAGE + name)
    response.writeHead(200, { 'content-type': TYPES[name.split('.').at(-1)], 'content-security-policy': POLICY }).end(file)
  } catch {
    response.writeHead(404).end()
  }
})
const io = new Server(http, {
  allowEIO3: true,
  pingInterval: Number(flags['ping-interval']),
  pingTimeout: Number(flags['ping-timeout']),
  maxHttpBufferSize: Number(flags['max-payload']),
  cors: flags['allow-origin'].length ? { origin: flags['allow-origin'] } : undefined
})

// The reference takes an odd EIO for 3, as it does a missing one; the contract names exactly two.
io.engine.use((request, response, next) => {
  if (['3', '4', undefined].includes(request._query.EIO)) return next()
  if (!response.writeHead) return next(new Error('Unsupported protocol version'))
  response.writeHead(400, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ code: 5, message: 'Unsupported protocol version' }))
})

let people = 0
let changes = []
let tick = null

function changed (change) {
  changes.push(change)
  if (!tick) announce()
}

function announce () {
  tick = null
  if (changes.length === 0) return
  const groups = changes.length > SAID_SINGLY ? [changes] : changes.map((change) => [change])
  changes = []
  for (const group of groups) {
    const came = group.filter((change) => change.came).map((change) => change.name)
    const went = group.filter((change) => !change.came).map((change) => change.name)
    const says = []
    if (came.length) says.push(`${listed(came)}进入聊天室`)
    if (went.length) says.push(`${listed(went)}离开聊天室`)
    io.emit('sys message', {
      data: `系统消息: ${says.join(', ')}`,
      counts: people,
      joined: came.slice(0, NAMES_LISTED),
      left: went.slice(0, NAMES_LISTED),
      joinedCount: came.length,
      leftCount: went.length,
      time: Date.now()
    })
  }
  tick = setTimeout(announce, TICK_MS)
}

const listed = (names) =>
  names.slice(0, NAMES_LISTED).map((name) => `"${name}"`).join('、') + (names.length > NAMES_LISTED ? `等${names.length}人` : '')

const owed = new Map() // Allowances of those who left, by their addresses.

/** Whoever comes again owes what it owed when it left; of several with one address, the largest debt. */
function takeAllowance (address) {
  const [first, ...others] = (owed.get(address) ?? []).sort((a, b) => leftOf(a) - leftOf(b))
  owed.set(address, others)
  return first ?? { left: BURST, at: performance.now() }
}

const leftOf = ({ left, at }) => Math.min(BURST, left + (performance.now() - at) * PER_SECOND / 1000)

io.on('connection', (socket) => {
  const name = `客人${randomBytes(4).toString('hex')}`
  const color = `#${randomBytes(3).toString('hex')}`
  const { address } = socket.handshake
  const allowance = takeAllowance(address)
  let quietUntil = 0
  people += 1
  socket.emit('initUser', { name, color })
  changed({ came: true, name })

  socket.on('disconnect', () => {
    people -= 1
    owed.set(address, [...owed.get(address), allowance].filter((one) => leftOf(one) < BURST))
    changed({ came: false, name })
  })

  socket.on('chat message', (...args) => {
    const answer = typeof args.at(-1) === 'function' ? args.pop() : tellAlone
    const refusal = faultIn(args[0]) ?? haste(allowance, args[0].description)
    if (refusal) return answer({ ok: false, message: refusal.code, ...refusal })
    const id = randomBytes(9).toString('base64url')
    io.emit('message from server', { description: args[0].description, nickName: name, color, id, time: Date.now() })
    answer({ ok: true, id })
  })

  /** Whoever has not asked for an answer is told when it was refused, but not too often. */
  function tellAlone ({ ok, code, ...more }) {
    const now = performance.now()
    if (ok || now < quietUntil) return
    quietUntil = now + REFUSALS_APART_MS
    const nobody = { joined: [], left: [], joinedCount: 0, leftCount: 0 }
    const data = `系统消息: 消息未发送：${code}`
    socket.emit('sys message', { data, counts: people, ...nobody, time: Date.now(), refused: code, code, ...more })
  }
})

function faultIn (message) {
  if (typeof message !== 'object' || message === null || Array.isArray(message) || Buffer.isBuffer(message)) {
    return { code: 'not_an_object' }
  }
  if (typeof message.description !== 'string') return { code: 'no_text' }
  if (message.description.trim() === '') return { code: 'empty' }
  if (message.description.length > LONGEST_TEXT) return { code: 'too_long', limit: LONGEST_TEXT }
}

function haste (allowance, text) {
  const price = Math.ceil(Buffer.byteLength(JSON.stringify(text)) / BYTES_PER_TOKEN)
  allowance.left = leftOf(allowance)
  allowance.at = performance.now()
  if (allowance.left < price) return { code: 'too_fast', retryAfter: Math.ceil((price - allowance.left) * 1000 / PER_SECOND) }
  allowance.left -= price
}

http.listen(Number(flags.port), flags.listen, () => {
  console.error(`listening on http://${flags.listen}:${http.address().port}`)
})
process.once('SIGTERM', () => io.close(() => process.exit(0)))
