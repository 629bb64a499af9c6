// Events and acks on the wire: how they are written, which names they may have, and which acks count.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { Poller } from '../support/wire.mjs'

let sio, rooms
before(async () => { [sio, rooms] = await Promise.all(['sio', 'rooms'].map((kind) => Server.startSuite(kind))) })
after(() => Promise.all([sio, rooms].map((server) => server?.stop())))

/** A session in both namespaces that has heard all that it is told of the server's own accord. */
async function settled (t, version) {
  const raw = await Raw.join(t, sio, '/', version)
  await raw.join('/custom')
  await raw.join('/echo')
  await raw.take((text) => text.startsWith('2["auth"'), 'auth')
  await raw.take((text) => text.startsWith('2/custom,["auth"'), 'auth')
  return raw
}

for (const version of [3, 4]) {
  test(`EIO=${version}: EVENT, in the main namespace and another`, async (t) => {
    const raw = await settled(t, version)
    for (const prefix of ['', '/custom,']) {
      for (const args of ['', ',1', ',"a",null,true,[1,{"b":2}],-1.5']) {
        raw.say(`2${prefix}["message"${args}]`)
        assert.equal(await raw.hear(), `2${prefix}["message-back"${args}]`)
      }
    }
  })

  test(`EIO=${version}: an EVENT with an id is acked once, with that id`, async (t) => {
    const raw = await settled(t, version)
    for (const id of ['0', '7', '123456789012', '9007199254740991']) {
      raw.say(`2${id}["message-with-ack",1,"2",{"3":[null]}]`)
      assert.equal(await raw.hear(), `3${id}[1,"2",{"3":[null]}]`)
      raw.say(`2/custom,${id}["message-with-ack"]`)
      assert.equal(await raw.hear(), `3/custom,${id}[]`)
      raw.say(`2/echo,${id}["echo","12"]`)
      assert.equal(await raw.hear(), `3/echo,${id}["12"]`)
    }
  })

  test(`EIO=${version}: the same id may be used again, and twice at once`, async (t) => {
    const raw = await settled(t, version)
    for (let n = 0; n < 3; n += 1) raw.say(`25["message-with-ack",${n}]`)
    assert.deepEqual(await raw.hears(3), ['35[0]', '35[1]', '35[2]'])
  })

  test(`EIO=${version}: an event that nobody listens to, with and without an id, is no offence`, async (t) => {
    const raw = await settled(t, version)
    const names = ['nothing', '', 'error', 'connection', 'message ', 'constructor', '__proto__', 'toString', 0, 42, -1.5]
    for (const name of names.map((name) => JSON.stringify(name))) {
      raw.say(`2[${name}]`)
      raw.say(`27[${name},"x"]`)
    }
    await raw.callText('/', '["message-with-ack"]')
    assert.deepEqual(raw.rest(), [])
  })

  test(`EIO=${version}: reserved names close the connection`, async (t) => {
    for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
      const escaped = `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`
      for (const text of [`2["${name}"]`, `25["${name}","x"]`, `2/custom,["${name}"]`, `2["${escaped}"]`]) {
        const raw = await settled(t, version)
        raw.say(text)
        await raw.ends(text)
      }
    }
  })

  test(`EIO=${version}: what is no EVENT closes the connection`, async (t) => {
    const nameless = ['{}', '"message"', 'null', '[]', '[null]', '[{}]', '[["message"]]', '[true]']
    for (const data of [...nameless, '["message"', '["message",]', '["message"]]']) {
      for (const id of ['', '3']) {
        const raw = await settled(t, version)
        raw.say(`2${id}${data}`)
        await raw.ends(data)
      }
    }
    for (const text of ['7', '9["message"]', '', 'x', '-1', '3{}', '30"x"', '31{}', '3nonsense']) {
      const raw = await settled(t, version)
      raw.say(text)
      await raw.ends(text)
    }
  })

  test(`EIO=${version}: the server asks for an ack, and hears the first answer only`, async (t) => {
    const raw = await settled(t, version)
    for (const prefix of ['', '/custom,']) {
      raw.say(`2${prefix}["emit-with-ack",1,"2"]`)
      const [, id, args] = /^2(?:\/custom,)?(\d+)(\[.*)$/.exec(await raw.hear())
      assert.equal(args, '["emit-with-ack",1,"2"]')
      raw.say(`3${prefix}${id}["first",{"a":1}]`)
      raw.say(`3${prefix}${id}["second"]`)
      assert.equal(await raw.hear(), `2${prefix}["emit-with-ack","first",{"a":1}]`)
      await raw.callText('/', '["message-with-ack"]')
      assert.deepEqual(raw.rest(), [])
    }
  })

  test(`EIO=${version}: an answer without data is one without arguments`, async (t) => {
    const raw = await settled(t, version)
    for (const prefix of ['', '/custom,']) {
      for (const [type, ...attachments] of [['3'], ['61-', Buffer.from('unused')]]) {
        raw.say(`2${prefix}["emit-with-ack",1]`)
        const [, id] = /^2(?:\/custom,)?(\d+)\[/.exec(await raw.hear())
        raw.say(`${type}${prefix}${id}`, ...attachments)
        assert.equal(await raw.hear(), `2${prefix}["emit-with-ack"]`, type)
      }
    }
    raw.say('3')
    raw.say('3/custom')
    raw.say('61-', Buffer.from('unused'))
    await raw.callText('/', '["message-with-ack"]')
    assert.deepEqual(raw.rest(), [])
  })

  test(`EIO=${version}: two questions at once are told apart, in whatever order they are answered`, async (t) => {
    const raw = await settled(t, version)
    raw.say('2["emit-with-ack","a"]')
    raw.say('2["emit-with-ack","b"]')
    const ids = (await raw.hears(2)).map((text) => /^2(\d+)/.exec(text)[1])
    assert.notEqual(ids[0], ids[1])
    raw.say(`3${ids[1]}["to b"]`)
    raw.say(`3${ids[0]}[]`)
    assert.deepEqual(await raw.hears(2), ['2["emit-with-ack","to b"]', '2["emit-with-ack"]'])
  })

  test(`EIO=${version}: unknown ids, other namespaces' ids and answers without one are ignored`, async (t) => {
    const raw = await settled(t, version)
    raw.say('30["too early"]')
    raw.say('2["emit-with-ack"]')
    const [, id] = /^2(\d+)/.exec(await raw.hear())
    raw.say(`3${Number(id) + 1}["unknown"]`)
    raw.say(`3${Number(id) + 2 ** 33}["unknown"]`)
    raw.say(`3/custom,${id}["elsewhere"]`)
    raw.say(`3/echo,${id}["elsewhere"]`)
    raw.say('3["no id"]')
    raw.say(`3${id}["here"]`)
    assert.equal(await raw.hear(), '2["emit-with-ack","here"]')
    await raw.callText('/', '["message-with-ack"]')
    assert.deepEqual(raw.rest(), [])
  })

  test(`EIO=${version}: nobody answers another's question`, async (t) => {
    const asked = await settled(t, version)
    const stranger = await settled(t, version)
    asked.say('2["emit-with-ack"]')
    const [, id] = /^2(\d+)/.exec(await asked.hear())
    stranger.say(`3${id}["stolen"]`)
    await stranger.callText('/', '["message-with-ack"]')
    asked.say(`3${id}["mine"]`)
    assert.equal(await asked.hear(), '2["emit-with-ack","mine"]')
    assert.deepEqual(stranger.rest(), [])
  })

  test(`EIO=${version}: acks with a timeout`, async (t) => {
    const raw = await Raw.join(t, rooms, '/', version)
    raw.say('21["askme",{"timeout":100},"late"]')
    const [, late] = /^2(\d+)\["question","late"\]$/.exec(await raw.hear())
    assert.equal(await raw.hear(), '31[{"timedOut":true}]')
    raw.say(`3${late}["too late"]`)
    raw.say('22["askme",{"timeout":10000},"in time",2]')
    const [, id] = /^2(\d+)\["question","in time",2\]$/.exec(await raw.hear())
    raw.say(`3${id}[{"a":1},"the rest is dropped"]`)
    assert.equal(await raw.hear(), '32[{"answer":{"a":1}}]')
    await raw.call('/', 'id')
    assert.deepEqual(raw.rest(), [])
  })

  test(`EIO=${version}: events of one POST are taken in their order, and acked in it`, async () => {
    const poller = await Poller.open(sio, version)
    await poller.enter()
    await poller.next('auth')
    const numbers = Array.from({ length: 50 }, (_, number) => number)
    await poller.post(numbers.map((number) => number % 2 ? `42["message",${number}]` : `42${number}["message-with-ack",${number}]`))
    for (const number of numbers) {
      const packet = await poller.until(() => true)
      assert.equal(packet, number % 2 ? `42["message-back",${number}]` : `43${number}[${number}]`)
    }
  })
}
