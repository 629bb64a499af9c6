// Floods after which a server's memory should come back: crowds that make it hold as much as it lets them, and then leave. Each
// is for the suite's server `rooms`, on any runtime.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as later } from 'node:timers/promises'
import { frame, head, OPCODES, upgradeHeaders } from './bytes.mjs'
import { Raw } from './raw.mjs'
import { until } from './wait.mjs'
import { Poller, request } from './wire.mjs'

// The servers' allocator gives memory back after ten seconds; where it is waited for, one is enough.
process.env._RJEM_MALLOC_CONF ??= 'background_thread:true,dirty_decay_ms:1000'

const PATIENCE_MS = 60_000
// Where each connection has two threads of its own, what so many threads leave behind is not the server's.
const CROWDS = process.env.SANKET_DRIVER === 'threads' ? 1 : 8
const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'
const MUCH = 'x'.repeat(400_000)

/** Resident memory in KiB. */
export const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1])

/** What a server takes that has served somebody: pages of its own program count, too, once they are used. */
export async function settled (server) {
  await flood(server, 'one that talks')
  return resident(server.child.pid)
}

/** What memory may be a minute after a flood, for what it was before all of them: half as much again, and 10 MB. */
export const allowed = (before) => Math.floor(before * 1.5) + 10_000_000 / 1_024

/** The most that was seen while `work` was done. */
export async function peak (pid, work) {
  let [most, over] = [0, false]
  const looking = (async () => {
    while (!over) {
      most = Math.max(most, resident(pid))
      await later(10)
    }
  })()
  try {
    await work
  } finally {
    over = true
    await looking
  }
  return most
}

/** Everybody's session has ended. */
export const deserted = (server) => until(
  async () => Number((await request(server, {}, { path: '/sessions' })).body) === 0, PATIENCE_MS, 'all sessions to end')

const many = (count, work) => Promise.all(Array.from({ length: count }, (_, n) => work(n)))

async function joined (t, server, count, query = {}) {
  return many(count, async () => {
    const raw = await Raw.open(t, server, 4, query)
    await raw.join()
    return raw
  })
}

/** A WebSocket by hand, so that ten thousand are not too many; resolves when the handshake has come. */
function bare (t, server, localAddress = '127.0.0.1') {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress })
    t.after(() => socket.destroy())
    let text = ''
    socket.on('error', reject).on('data', (bytes) => {
      if (text.length < 1_000) text += bytes.toString('latin1')
      if (text.includes('"sid"')) resolve(socket)
    })
    socket.write(head(server, '/socket.io/?EIO=4&transport=websocket', upgradeHeaders()))
  })
}

/** Many small requests on one connection; resolves when all are answered. */
function pipelined (t, server, requests, n) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: server.port, host: '127.0.0.1' })
    t.after(() => socket.destroy())
    let [answered, tail] = [0, '']
    const mark = 'HTTP/1.1 '
    socket.on('error', reject).setEncoding('latin1').on('data', (text) => {
      const parts = (tail + text).split(mark)
      answered += parts.length - 1
      tail = parts.at(-1).slice(1 - mark.length) // It may hold the first half of one more.
      if (answered >= n) resolve(socket)
    })
    for (let written = 0; written < n; written += 100) socket.write(requests.repeat(100))
  })
}

/** Each takes a `t` whose `after` says what is to be done when everybody leaves. */
export const FLOODS = {
  'one that talks': async (t, server) => {
    const [raw] = await joined(t, server, 1)
    await raw.call('/', 'set', MUCH)
    await raw.call('/', 'get')
  },
  'acks that nobody reads': async (t, server) => {
    const crowd = await joined(t, server, 20)
    await many(crowd.length, async (n) => crowd[n].call('/', 'set', MUCH))
    for (const raw of crowd) raw.socket.pause()
    // One after the other, so that all queues are long at the same time.
    for (let n = 1; n <= 80; n++) {
      for (const raw of crowd) raw.say(`2${n}["get"]`)
      await later(2)
    }
    await deserted(server)
  },
  'attachments that never come': async (t, server) => {
    const crowd = await joined(t, server, 30)
    const [bytes, held] = [Buffer.alloc(950_000, 7), '{"_placeholder":true,"num":0}']
    for (const raw of crowd) raw.say(`510-["set",${held}]`, ...Array(8).fill(bytes))
    await many(crowd.length, async (n) => until(() => crowd[n].socket.bufferedAmount === 0, PATIENCE_MS, 'all to be sent'))
  },
  'sessions that come and go': async (t, server) => {
    const get = `GET ${HANDSHAKE} HTTP/1.1\r\nHost: localhost:${server.port}\r\n\r\n`
    await many(4, () => pipelined(t, server, get, 5_000))
  },
  'many connections at once': async (t, server) => {
    // The limit for one address is 1,024.
    for (let n = 1; n <= CROWDS; n++) await many(1_000, () => bare(t, server, `127.0.1.${n}`))
  },
  'a storm for those who do not read': async (t, server) => {
    const crowd = await joined(t, server, 30)
    for (const raw of crowd) raw.socket.pause()
    const [talker] = await joined(t, server, 1)
    for (let n = 0; n < 60; n++) talker.say(`2["send",{"broadcast":true},"news","${MUCH}"]`)
    await talker.call('/', 'count')
  },
  'small words for those who do not read': async (t, server) => {
    const crowd = await joined(t, server, 100)
    for (const raw of crowd) raw.socket.pause()
    const [talker] = await joined(t, server, 1)
    for (let n = 0; n < 40_000; n++) talker.say('2["send",{"broadcast":true},"news","and no more"]')
    await talker.call('/', 'count')
  },
  'polls of large answers': async (t, server) => {
    await many(30, async () => {
      const poller = await Poller.open(server, 4)
      await poller.post(['40'])
      await poller.get()
      for (let n = 0; n < 8; n++) {
        await poller.post([`42${n}["set","${MUCH}"]`, '42["send",{},"news","x"]'])
        await poller.post(Array(4).fill(`42${n}["get"]`))
        if (n % 2) await poller.get()
      }
    })
  },
  'large messages in many fragments': async (t, server) => {
    const crowd = await many(50, () => bare(t, server))
    for (const socket of crowd) {
      for (let n = 0; n < 180; n++) socket.write(frame(n ? OPCODES.continuation : OPCODES.text, 'x'.repeat(5_000), { fin: false }))
    }
    await many(crowd.length, (n) => until(() => crowd[n].writableLength === 0, PATIENCE_MS, 'all to be sent'))
  }
}

/** Has a flood, lets everybody leave, and gives the most that was seen. */
export async function flood (server, name) {
  const cleanups = []
  const done = (async () => {
    try {
      await FLOODS[name]({ after: (cleanup) => cleanups.push(cleanup) }, server)
    } finally {
      for (const cleanup of cleanups) cleanup()
    }
    await deserted(server)
  })()
  return peak(server.child.pid, done)
}
