// Every generation of clients, on every way of transport, through real proxies with the configurations of docs/proxies.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generationOf, modes } from '../support/clients.mjs'
import { Guest } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { missing, names, ReverseProxy } from '../support/reverse-proxy.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Poller } from '../support/wire.mjs'
import { works } from '../support/works.mjs'

const PING_INTERVAL_MS = 200
const HEARTBEATS = ['--ping-interval', PING_INTERVAL_MS, '--ping-timeout', 10_000]
const BEATS = 3
const VERSIONS = ['1.4', '1.7', '2', '3', '4']
const SOON = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 }
const TEXT = '大家好 é 😀'
const everyWay = VERSIONS.flatMap((version) => modes.map((mode) => ({ version, mode, title: `client ${version}, ${mode}` })))

/** 1.x clients can take what is not ASCII on a WebSocket only: see docs/clients.md. */
const hasUnicode = ({ version, mode }) => generationOf(version) > 1 || mode === 'websocket'

/** Waits for some heartbeats, in whichever direction they go. */
async function beats (peer) {
  let count = 0
  peer.engine.on('packet', ({ type }) => { if (type === 'ping' || type === 'pong') count += 1 })
  await until(() => count >= BEATS, 10_000, () => `${BEATS} heartbeats; there were ${count}`)
}

for (const name of names) {
  describe(name, { concurrency: true, skip: missing(name) }, () => {
    let sio, chat, toSio, toChat
    before(async () => {
      [sio, chat] = await Promise.all([Server.startSuite('sio', HEARTBEATS), Server.start(HEARTBEATS)]);
      [toSio, toChat] = await Promise.all([sio, chat].map((server) => ReverseProxy.start(name, server)))
    })
    after(async () => {
      await Promise.all([toSio, toChat].map((proxy) => proxy?.stop()))
      await Promise.all([sio, chat].map((server) => server?.stop()))
    })

    for (const way of everyWay) {
      const { version, mode, title } = way

      test(`${name}, ${title}: events, acks and binary, after heartbeats, and after a reconnection`, async (t) => {
        const peer = await Peer.join(t, toSio.url, version, mode, SOON)
        const text = hasUnicode(way) ? TEXT : 'hello'
        await works(peer, text)
        await beats(peer)
        assert.deepEqual(peer.all('disconnect'), [], 'nothing was cut meanwhile')
        assert.equal(await peer.call('message-with-ack', text), text)
        peer.drop()
        await peer.next('disconnect')
        await peer.next('connect')
        await peer.upgraded()
        assert.equal(await peer.call('message-with-ack', text), text)
      })

      // The chat tells everybody in Chinese who has come.
      if (hasUnicode(way)) test(`${name}, ${title}: a chat message out, acked, and back`, async (t) => {
        const guest = new Guest(toChat.url, version, mode)
        t.after(() => guest.close())
        await guest.settle()
        const id = await guest.say(`${TEXT} ${title}`) // Others are in the room.
        const heard = await guest.hears(`${TEXT} ${title}`)
        assert.deepEqual([heard.id, heard.nickName], [id, guest.name])
      })
    }

    for (const version of ['2', '4']) {
      test(`${name}, client ${version}: a long message by polling`, async (t) => {
        const peer = await Peer.join(t, toSio.url, version, 'polling')
        const long = 'x'.repeat(990_000)
        assert.equal(await peer.call('message-with-ack', long), long)
      })
    }

    for (const version of [3, 4]) {
      test(`${name}, EIO=${version}: what is too long is refused by the server itself, so that any page can read why`, async () => {
        const poller = await Poller.open(toSio, version)
        // No longer than what the server reads in order to be heard: see `linger_bytes`.
        const answer = await poller.post('x'.repeat(1_040_000), { origin: 'http://elsewhere.example' })
        assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [413, '*'])
        assert.equal((await poller.post(['1'])).status, 200, 'the session lives')
      })
    }
  })
}
