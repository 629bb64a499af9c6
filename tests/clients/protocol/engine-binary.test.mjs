// EIO=3's binary payload, byte by byte, both ways; when it is used, and what a malformed one does.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { ask, assertUnknown, parked, poll } from '../support/engine.mjs'
import { decodeBinary, encodeBinary } from '../support/payload3.mjs'
import { isReference, Server } from '../support/server.mjs'
import { decode } from '../support/wire.mjs'

const OCTETS = { 'content-type': 'application/octet-stream' }
const EVERY_BYTE = Buffer.from([4, ...Array.from({ length: 256 }, (_, n) => n)])

let server
before(async () => { server = await Server.startSuite('eio') })
after(() => server?.stop())

const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('EIO3 binary payload: the bytes of a POST and of a poll', async () => {
  const poller = await poll(server, 3)
  // A byte of 4 and 1 2 3, as binary; "4é", as text; and twelve bytes of text, whose length has two digits.
  const twelve = hex('01 04 ff 04 010203  00 03 ff 34 c3a9  00 01 02 ff 34 656c66205a65696368656e')
  const posted = await poller.post(twelve, OCTETS)
  assert.deepEqual([posted.status, posted.body, posted.type], [200, 'ok', 'text/html'])
  const answer = await poller.get()
  assert.equal(answer.headers['content-type'], 'application/octet-stream')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['content-length'], String(twelve.length))
  assert.deepEqual(answer.bytes, twelve)
})

test('EIO3 binary payload: text counts its UTF-8 bytes, of whatever script', async () => {
  const poller = await poll(server, 3)
  const packets = ['4', '4é', '4二', '4😀', '4a\0b', `4${'é😀'.repeat(300)}`, EVERY_BYTE, Buffer.from([4]), '4end']
  assert.equal((await poller.post(encodeBinary(packets), OCTETS)).status, 200)
  assert.deepEqual(decodeBinary((await poller.get()).bytes), packets)
})

test('EIO3 binary payload: only if there is binary in it', async () => {
  const poller = await poll(server, 3)
  await poller.post(encodeBinary(['4text', '4é']), OCTETS)
  const text = await poller.get()
  assert.deepEqual([text.type, text.body], ['text/plain', '5:4text2:4é'])
  await poller.post('6:b4AAEC')
  const binary = await poller.get()
  assert.deepEqual([binary.type, binary.bytes], ['application/octet-stream', hex('01 04 ff 04 000102')])
  await poller.post('6:b4AAEC2:4é')
  const both = await poller.get()
  assert.deepEqual([both.type, both.bytes], ['application/octet-stream', hex('01 04 ff 04 000102 00 03 ff 34 c3a9')])
})

test('EIO3 binary payload: not if the client said b64', async () => {
  const poller = await poll(server, 3, { b64: 1 })
  await poller.post(encodeBinary([Buffer.from([4, 0, 1, 2]), '4é']), OCTETS)
  const { type, body } = await poller.get()
  assert.deepEqual([type, body], ['text/plain', '6:b4AAEC2:4é'])
})

test('EIO3 binary payload: to a poll that waits', async () => {
  const poller = await poll(server, 3)
  const { waiting } = await parked(poller)
  await poller.post(encodeBinary([EVERY_BYTE]), OCTETS)
  assert.deepEqual(decodeBinary((await waiting).bytes), [EVERY_BYTE])
})

test('EIO3 binary payload: a POST of another type is text', async () => {
  const poller = await poll(server, 3)
  assert.equal((await poller.post('2:4a', { 'content-type': 'application/json' })).status, 200)
  assert.equal((await poller.get()).body, '2:4a')
})

test('EIO3 binary payload: heartbeat and goodbye', async () => {
  const poller = await poll(server, 3)
  await poller.post(encodeBinary(['2', Buffer.from([4, 1])]), OCTETS)
  const [pong, message] = decodeBinary((await poller.get()).bytes)
  assert.deepEqual([pong, message], ['3', Buffer.from([4, 1])])
  const { waiting } = await parked(poller)
  await poller.post(encodeBinary(['1']), OCTETS)
  assert.deepEqual(decode(3, (await waiting).body), ['6'])
  await assertUnknown(poller)
})

test('EIO3 open answer: is text, even for clients that take binary', async () => {
  const answer = await ask(server, { EIO: 3, transport: 'polling' }, { headers: { accept: '*/*', ...OCTETS } })
  assert.equal(answer.type, 'text/plain')
  assert.match(answer.body, /^\d+:0\{/)
})

const malformed = {
  'nothing at all': '',
  'neither text nor binary': '02 02 ff 34 61',
  'no end of the length': '00 02',
  'no length': '00 ff 34 61',
  'a length too long': '00 09 ff 34 61',
  'a length that is no digit': '00 0a ff 34 61',
  'a length of a hundred digits': `00 ${'09'.repeat(100)} ff 34 61`,
  'a length of a thousand digits': `00 ${'09'.repeat(1000)} ff 34 61`,
  'a length of a thousand zeros': `00 ${'00'.repeat(1000)} ff 34 61`,
  'an empty text': '00 00 ff',
  'an empty binary': '01 00 ff',
  'text that is no UTF-8': '00 03 ff 34 ff fe',
  'an unknown type': '00 01 ff 39'
}
/** What the reference makes some sense of, or passes over. */
const lax = ['nothing at all', 'neither text nor binary', 'a length too long', 'a length of a hundred digits', 'an empty binary']

for (const [what, bytes] of Object.entries(malformed)) {
  const skip = isReference && lax.includes(what) && 'the reference takes it'
  test(`Parse error, EIO=3, binary payload: ${what}`, { skip }, async () => {
    const poller = await poll(server, 3)
    const answer = await poller.post(hex(bytes), OCTETS).catch((error) => error)
    assert.ok(answer instanceof Error || [200, 400].includes(answer.status), `answered ${answer.status}`)
    await assertUnknown(poller)
  })
}
