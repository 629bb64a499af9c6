// What a proxy says of its clients counts where the proxy is trusted, and only there: the client's address in the handshake, and
// the host that a page's origin is compared with.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { head, Raw as Bytes, upgradeHeaders } from '../support/bytes.mjs'
import { Raw } from '../support/raw.mjs'
import { missing, names, ReverseProxy, sayForwarded } from '../support/reverse-proxy.mjs'
import { Server } from '../support/server.mjs'
import { Poller, request } from '../support/wire.mjs'

const TRUST = ['--trusted-proxy', '127.0.0.1/32']
// Not the address that the proxy itself has.
const CLIENT = '127.0.0.2'
/** What a client would say to be taken for somebody else. */
const FORGED = {
  'X-Forwarded-For': '203.0.113.9',
  'X-Forwarded-Proto': 'https',
  Forwarded: 'for=203.0.113.9;host=evil.example;proto=https'
}
const POLL = '/socket.io/?EIO=4&transport=polling'
const SOCKET = '/socket.io/?EIO=4&transport=websocket'

/** What the server knows of a client that comes from CLIENT, in a handshake by WebSocket. */
async function handshake (t, proxy, version, headers = {}) {
  const raw = await Raw.open(t, proxy, version, {}, headers, { localAddress: CLIENT })
  await raw.join('/')
  return (await raw.call('/', 'getHandshake'))[0]
}

/** The same in one by polling. */
async function polledHandshake (proxy, version, headers) {
  const { body } = await request(proxy, { EIO: version, transport: 'polling' }, { headers, localAddress: CLIENT })
  const opened = JSON.parse(/\{"sid".*?\}/.exec(body)[0])
  const poller = Object.assign(new Poller(), { server: proxy, version, opened, packets: [] })
  await poller.enter()
  await poller.post(['420["getHandshake"]'])
  return JSON.parse((await poller.until((packet) => packet.startsWith('430'))).slice(3))[0]
}

/** How a page of that origin is answered, when it asks the proxy for that host by a poll and by a WebSocket. */
async function statuses (t, proxy, origin, host, more = []) {
  const answers = []
  for (const [target, headers] of [[POLL, [['Connection', 'close']]], [SOCKET, upgradeHeaders()]]) {
    const bytes = await Bytes.connect(t, proxy)
    bytes.write(head(proxy, target, [...headers, ...more, ['Origin', origin]]).replace(/^Host: .*$/m, `Host: ${host}`))
    answers.push((await bytes.answer()).status)
  }
  return answers
}

for (const name of names) {
  describe(name, { concurrency: true, skip: missing(name) }, () => {
    const started = []
    let trusting, doubting, chat
    /** A proxy of this kind, until the end of all. */
    async function through (server, options) {
      const proxy = await ReverseProxy.start(name, server, options)
      started.push(proxy)
      return proxy
    }

    before(async () => {
      [trusting, doubting, chat] = await Promise.all([
        Server.startSuite('sio-client', TRUST), Server.startSuite('sio-client'),
        Server.start([...TRUST, '--host', 'chat.example'])
      ])
    })
    after(async () => {
      await Promise.all(started.map((proxy) => proxy.stop()))
      await Promise.all([trusting, doubting, chat].map((server) => server?.stop()))
    })

    const ways = [['X-Forwarded-*', {}], ...sayForwarded.includes(name) ? [['Forwarded', { forwarded: true }]] : []]
    for (const [how, options] of ways) {
      for (const version of [3, 4]) {
        test(`${name}, EIO=${version}: by ${how} the address in the handshake is the client's`, async (t) => {
          const proxy = await through(trusting, options)
          for (const { address, secure } of [await handshake(t, proxy, version), await polledHandshake(proxy, version)]) {
            assert.deepEqual([address, secure], [CLIENT, false])
          }
        })

        test(`${name}, EIO=${version}: by ${how} nobody is somebody else by saying so`, async (t) => {
          const proxy = await through(trusting, options)
          const handshakes = [await handshake(t, proxy, version, FORGED), await polledHandshake(proxy, version, FORGED)]
          for (const { address, secure } of handshakes) {
            assert.deepEqual([address, secure], [CLIENT, false])
          }
        })
      }

      test(`${name}: by ${how} a proxy that is not trusted is the client`, async (t) => {
        const { address } = await handshake(t, await through(doubting, options), 4)
        assert.match(address, /^(::ffff:)?127\.0\.0\.1$/)
      })

      test(`${name}: by ${how} a page is compared with the host that the browser asked for`, async (t) => {
        const proxy = await through(trusting, { ...options, losesHost: true })
        for (const [origin, host] of [
          ['http://chat.example', 'chat.example'], ['http://chat.example:8080', 'Chat.Example:8080'],
          ['http://chat.example', 'chat.example:80']
        ]) assert.deepEqual(await statuses(t, proxy, origin, host), [200, 101], `${origin} and ${host}`)
        const inner = `http://127.0.0.1:${trusting.port}`
        assert.deepEqual(await statuses(t, proxy, inner, 'chat.example'), [403, 403], 'not with the other')
        assert.deepEqual(await statuses(t, proxy, 'http://evil.example', 'chat.example'), [403, 403])
        assert.match(trusting.stderr, /"http:\/\/evil\.example".*"chat\.example"/, 'which origin met which host')
      })

      test(`${name}: by ${how} no page is one of this host by claiming it`, async (t) => {
        const claims = [['X-Forwarded-Host', 'evil.example'], ['Forwarded', 'host=evil.example'], ['X-Forwarded-For', '1.2.3.4']]
        const proxy = await through(trusting, options)
        assert.deepEqual(await statuses(t, proxy, 'http://evil.example', 'chat.example', claims), [403, 403])
      })

      test(`${name}: by ${how} the host that the browser asked for is answered for, or gets 421`, async (t) => {
        const proxy = await through(chat, { ...options, losesHost: true })
        assert.deepEqual(await statuses(t, proxy, 'http://chat.example', 'CHAT.example:80'), [200, 101])
        assert.deepEqual(await statuses(t, proxy, 'http://rebound.example', 'rebound.example'), [421, 421])
      })
    }

    test(`${name}: what a proxy that is not trusted says of the host does not count`, async (t) => {
      const proxy = await through(doubting, { losesHost: true })
      assert.deepEqual(await statuses(t, proxy, 'http://chat.example', 'chat.example'), [403, 403])
    })

    test(`${name}: on loopback only loopback names are answered for, unless another is given`, async (t) => {
      const server = await Server.start()
      t.after(() => server.stop())
      const proxy = await through(server)
      assert.deepEqual(await statuses(t, proxy, 'http://chat.example', 'chat.example'), [421, 421])
      for (const host of ['localhost', `LOCALHOST:${proxy.port}`, '127.0.0.1', '[::1]:80']) {
        assert.deepEqual(await statuses(t, proxy, `http://${host}`, host), [200, 101], host)
      }
    })

  })
}
