// Arguments come back as they were sent, byte for byte: what is said is JSON text, and JavaScript's idea of it is only one.
// The reference reads it and writes it again; where that makes a difference, its form is named beside the reason.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { everyWay } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { isReference, Server } from '../support/server.mjs'
import { Poller } from '../support/wire.mjs'

let sio
before(async () => { sio = await Server.startSuite('sio') })
after(() => sio?.stop())

const nested = (depth, open, inner, close) => open.repeat(depth) + inner + close.repeat(depth)
const object = (depth) => nested(depth, '{"a":', '1', '}')
const array = (depth) => nested(depth, '[', '', ']')

// Arguments, and what the reference makes of them where it is not the same.
const SAME = {
  'a lone high surrogate': '"\\ud800"',
  'a lone low surrogate': '"x\\udfffx"',
  'surrogates in the wrong order': '"\\udc00\\ud800"',
  'lone surrogates as a key': '{"\\ud83d":"\\ude00"}',
  'a surrogate pair': '"😀"',
  'zero and its like': '"\\u0000\\u0001\\u001f\x7f\u0080"',
  'line separators': '"\u2028\u2029"',
  'what ends packets and payloads': '"\\u001e,-/[]{}\\"\\\\"',
  'text that looks like a payload': '"4:42[]2:40"',
  'a byte order mark, combining letters, text from right to left': '"\ufeffe\u0301\u200f\u05d0"',
  'characters that were never assigned': '"\uffff\ufffe\u{10ffff}"',
  'the key __proto__': '{"__proto__":{"admin":true}}',
  'keys of every object': '{"constructor":{"prototype":1},"toString":null,"hasOwnProperty":1,"":0}',
  'an object that looks like an ack': '{"id":1,"type":3,"nsp":"/"}',
  'keys in the order they came': '{"z":1,"a":2,"m":{"y":1,"b":2}}',
  'empty ones': '[],{},"",[[]],[{}],{"":{"":""}}',
  'a thousand arrays in one another': array(1_000),
  'a thousand objects in one another': object(1_000),
  'ten thousand values': `[${Array.from({ length: 10_000 }, (_, number) => number).join()}]`,
  'small numbers': '0,-1,1.5,1e+21,1e-7,9007199254740991,5e-324,1.7976931348623157e+308'
}
const OTHERWISE = {
  'numbers past 2^53': ['12345678901234567890,-9007199254740993', '12345678901234567000,-9007199254740992', 'doubles are rounded'],
  'numbers of forty digits': ['1234567890123456789012345678901234567890', '1.2345678901234568e+39', 'doubles are rounded'],
  'numbers that no double holds': ['1e400,-1e400', 'null,null', 'infinity has no JSON'],
  'numbers that no double tells from zero': ['1e-400', '0', 'doubles are rounded'],
  'negative zero': ['-0', '0', 'JSON.stringify drops the sign'],
  'numbers with more digits than they need': ['1.0,1.50,1E2,1e02', '1,1.5,100,100', 'JSON.stringify writes the shortest form'],
  'digits as keys': ['{"b":0,"2":0,"1":0}', '{"1":0,"2":0,"b":0}', 'integers come first in JavaScript objects'],
  'a key twice': ['{"a":1,"a":2}', '{"a":2}', 'an object has it once'],
  'more escapes than needed': ['"\\u0041\\/\\u00e9"', '"A/é"', 'JSON.stringify escapes as little as it can']
}
const cases = [
  ...Object.entries(SAME).map(([what, text]) => [what, text, text, 'the same']),
  ...Object.entries(OTHERWISE).map(([what, [text, reread, reason]]) => [what, text, isReference ? reread : text, reason])
]

for (const version of [3, 4]) {
  test(`EIO=${version}, websocket: arguments come back byte for byte`, async (t) => {
    const raw = await Raw.join(t, sio, '/echo', version)
    for (const [what, text, back, reason] of cases) {
      const echoed = await raw.callText('/echo', `["echo",${text}]`)
      assert.equal(echoed, `[${back}]`, `${what} (${isReference ? reason : 'as it was sent'})`)
    }
  })

  test(`EIO=${version}, polling: arguments come back byte for byte`, async () => {
    const poller = await Poller.open(sio, version)
    await poller.enter()
    await poller.next('auth')
    for (const [what, text, back] of cases) {
      const posted = await poller.post([`42["message",${text}]`, `427["message-with-ack",${text}]`])
      assert.equal(posted.status, 200, what)
      assert.equal(await poller.until(() => true), `42["message-back",${back}]`, what)
      assert.equal(await poller.until(() => true), `437[${back}]`, what)
    }
  })

  test(`EIO=${version}: arguments beside attachments come back byte for byte`, async (t) => {
    const raw = await Raw.join(t, sio, '/', version)
    await raw.hear() // auth
    // The reference rebuilds objects key by key here, and loses what is called __proto__.
    for (const [what, text, back] of cases.filter(([, text]) => !isReference || !text.includes('__proto__'))) {
      raw.say(`51-["message",${text},{"_placeholder":true,"num":0}]`, Buffer.from('x'))
      const [head, attachment] = await raw.hears(2)
      assert.equal(head, `51-["message-back",${back},{"_placeholder":true,"num":0}]`, what)
      assert.deepEqual(attachment, Buffer.from('x'))
    }
  })
}

test('the name of an event, and auth, come back byte for byte too', async (t) => {
  const raw = await Raw.open(t, sio)
  const auth = '{"__proto__":{"a":1},"lone":"\\ud800","z":1,"a":[[]]}'
  raw.say(`0${auth}`)
  await raw.take((text) => text.startsWith('0'), 'CONNECT')
  assert.equal(await raw.hear(), `2["auth",${auth}]`)
})

test('what JSON is not closes the connection', async (t) => {
  const notJson = [
    'undefined', 'NaN', 'Infinity', 'True', "'x'", '0x10', '01', '1.', '.5', '+1', '[1,]', '{a:1}', '{"a":1,}', '[', '"',
    '"\n"', '"\\x41"', '"\\ud8"', '// x', '/**/1', '1 2', '\u00a01'
  ]
  for (const text of notJson) {
    const raw = await Raw.join(t, sio, '/echo')
    raw.say(`2/echo,1["echo",${text}]`)
    await raw.ends(text)
    assert.deepEqual(raw.rest(), [], text)
  }
})

test('white space between tokens is nothing', async (t) => {
  const raw = await Raw.join(t, sio, '/echo')
  const echoed = await raw.callText('/echo', '[ "echo"\t,\n1 , { "a" : [ ] } ] ')
  assert.deepEqual(JSON.parse(echoed), [1, { a: [] }])
})

for (const { generation, mode, title } of everyWay) {
  test(`${title}: what clients make of values comes back`, async (t) => {
    const peer = await Peer.join(t, `${sio.url}/echo`, generation, mode)
    const deep = [object(300), array(300)].map(JSON.parse)
    const values = ['\ud800', '二😀', ...deep, { z: 1, a: [null, true, ''] }, 0, -1.5, 1e21, null, '']
    for (const value of values) {
      assert.deepEqual(await peer.call('echo', value), value)
    }
    const bytes = await peer.call('echo', { deep: [Buffer.from('asdf')] })
    assert.deepEqual(Buffer.from(bytes.deep[0]), Buffer.from('asdf'))
    assert.equal(await peer.call('echo', undefined), null)
  })
}
