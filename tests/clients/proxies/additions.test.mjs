// What proxies add to a request, and what clients send through them that is not usual: no EIO in the URL, header values beyond
// ASCII, subprotocols, hosts with default ports and in capitals.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { head, Raw as Bytes, upgradeHeaders } from '../support/bytes.mjs'
import { modes } from '../support/clients.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { missing, names, ReverseProxy } from '../support/reverse-proxy.mjs'
import { Server } from '../support/server.mjs'
import { works } from '../support/works.mjs'

const VERSIONS = ['1.7', '2', '3', '4']
/** How the bytes of a text look to who takes each for a character, as Node does with header values. */
const seen = (text, encoding) => Buffer.from(text, encoding).toString('latin1')
const ENCODINGS = ['utf8', 'latin1']
const POLL = '/socket.io/?EIO=4&transport=polling'
const SOCKET = '/socket.io/?EIO=4&transport=websocket'

/** The status that a request gets whose head is written by hand, `headers` included, byte by byte. */
async function status (t, proxy, target, headers, host) {
  const bytes = await Bytes.connect(t, proxy)
  const isUpgrade = target.includes('transport=websocket')
  const text = head(proxy, target, [...headers, ...isUpgrade ? upgradeHeaders() : [['Connection', 'close']]])
  bytes.write(Buffer.from(host === undefined ? text : text.replace(/^Host: .*$/m, `Host: ${host}`), 'latin1'))
  const answer = await bytes.answer()
  return answer.status
}

/** How polls, upgrades and the page itself are answered. */
const statuses = (t, proxy, headers, host) =>
  Promise.all([POLL, SOCKET, '/'].map((target) => status(t, proxy, target, headers, host)))

for (const name of names) {
  describe(name, { concurrency: true, skip: missing(name) }, () => {
    const started = []
    let chat, sio, handshakes, proxy, toSio
    /** Another of the same kind, until the end of all. */
    async function through (server, options) {
      const proxy = await ReverseProxy.start(name, server, options)
      started.push(proxy)
      return proxy
    }

    before(async () => {
      [chat, sio, handshakes] = await Promise.all([Server.start(), Server.startSuite('sio'), Server.startSuite('sio-client')]);
      [proxy, toSio] = await Promise.all([through(chat), through(sio)])
    })
    after(async () => {
      await Promise.all(started.map((proxy) => proxy.stop()))
      await Promise.all([chat, sio, handshakes].map((server) => server?.stop()))
    })

    test(`${name}: no EIO in the URL means 3, by polling`, async (t) => {
      const bytes = await Bytes.connect(t, proxy)
      bytes.write(head(proxy, '/socket.io/?transport=polling', [['Connection', 'close']]))
      const { status, body } = await bytes.answer()
      assert.equal(status, 200)
      assert.match(body, /\d+:0\{"sid"/, 'a payload of EIO=3')
    })

    test(`${name}: no EIO in the URL means 3, by WebSocket`, async (t) => {
      const raw = await Raw.open(t, proxy, 3, { EIO: undefined })
      assert.equal(await raw.take((text) => text.startsWith('0'), 'CONNECT'), '0', 'which EIO=4 would have to ask for')
    })

    for (const encoding of ENCODINGS) {
      const headers = [['CF-IPCity', 'Montréal'], ['X-Name', 'Céline']]
      // Caddy's configuration is UTF-8.
      const skip = name === 'caddy' && encoding === 'latin1'

      if (!skip) test(`${name}: adds values beyond ASCII, in ${encoding}, and clients work as without`, async (t) => {
        const added = await through(sio, { headers, encoding })
        await Promise.all(VERSIONS.flatMap((version) => modes.map(async (mode) =>
          works(await Peer.join(t, added.url, version, mode), 'hello'))))
      })

      if (!skip) test(`${name}: values beyond ASCII that it adds, in ${encoding}, are handed on to the application`, async (t) => {
        const raw = await Raw.join(t, await through(handshakes, { headers, encoding }))
        const [handshake] = await raw.call('/', 'getHandshake')
        const handedOn = ['cf-ipcity', 'x-name'].map((header) => handshake.headers[header])
        assert.deepEqual(handedOn, headers.map(([, value]) => seen(value, encoding)))
      })

      test(`${name}: another application's cookie beyond ASCII, in ${encoding}, locks nobody out`, async (t) => {
        const cookie = seen('theme=dark; city=Montréal; name=Zoë', encoding)
        assert.deepEqual(await statuses(t, proxy, [['Cookie', cookie], ['X-Name', seen('Céline', encoding)]]), [200, 101, 200])
      })
    }

    test(`${name}: a tab within a value, and a value of nothing`, async (t) => {
      assert.deepEqual(await statuses(t, proxy, [['X-Tab', 'a\tb'], ['X-Nothing', '']]), [200, 101, 200])
    })

    for (const version of ['2', '3', '4']) {
      for (const mode of ['websocket', 'upgrade']) {
        test(`${name}, client ${version}, ${mode}: the first of the subprotocols that the client offers is answered`, async (t) => {
          const protocols = ['first.v1', 'second']
          // Client 2 takes it from there only.
          const options = version === '2' ? { transportOptions: { websocket: { protocols } } } : { protocols }
          const peer = await Peer.join(t, toSio.url, version, mode, options)
          await works(peer, 'hello')
          assert.equal(peer.engine.transport.ws.protocol, 'first.v1')
        })
      }
    }

    for (const [host, origin] of [
      ['localhost:80', 'http://localhost'], ['localhost:443', 'https://localhost'], ['LocalHost', 'http://localhost'],
      ['LOCALHOST:80', 'http://localhost'], ['localhost', 'http://localhost:80'], ['localhost:8443', 'https://localhost:8443']
    ]) {
      test(`${name}: a page of ${origin} is one of the host ${host}`, async (t) => {
        assert.deepEqual(await statuses(t, proxy, [['Origin', origin]], host), [200, 101, 200])
      })

      test(`${name}: a page of ${origin} is one of the host ${host} if that is what the proxy says`, async (t) => {
        const other = await through(chat, { host })
        assert.deepEqual(await statuses(t, other, [['Origin', origin]], 'localhost:1'), [200, 101, 200])
      })
    }

    test(`${name}: a page of another origin is not, and the log says which origin met which host`, async (t) => {
      assert.deepEqual(await statuses(t, proxy, [['Origin', 'http://evil.example']], 'localhost:81'), [403, 403, 200])
      assert.match(chat.stderr, /"http:\/\/evil\.example".*"localhost:81"/)
    })
  })
}
