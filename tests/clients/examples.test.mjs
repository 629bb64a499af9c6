// The servers that people know from the reference, with its clients, in the words of the front ends.
import assert from 'node:assert/strict'
import test from 'node:test'
import { connect } from './support/clients.mjs'
import { isReference, Server } from './support/server.mjs'
import { deadline, until } from './support/wait.mjs'

const options = { skip: isReference && 'these are examples of ours' }
const MS = 5_000

async function open (t, name) {
  const server = await Server.startExample(name)
  t.after(() => server.kill())
  return {
    server,
    /** A client, and everything that it hears, in order. */
    async join (version, auth) {
      const socket = connect(version, server.url, 'upgrade', { auth })
      t.after(() => socket.close())
      socket.seen = []
      const listen = (...names) => names.forEach((name) => socket.on(name, (...args) => socket.seen.push([name, ...args])))
      listen(...names[name])
      await deadline(new Promise((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('connect_error', reject)
      }), MS, 'the connection')
      return socket
    }
  }
}

const names = {
  chat: ['login', 'user joined', 'new message', 'typing', 'stop typing', 'user left'],
  whiteboard: ['drawing'],
  todo: ['todo:created', 'todo:updated', 'todo:deleted'],
  private_messaging: ['session', 'users', 'user connected', 'private message', 'user disconnected']
}
const ask = (socket, ...args) => deadline(new Promise((resolve) => socket.emit(...args, (...ack) => resolve(ack))), MS, 'an ack')
async function hears (socket, count) {
  await until(() => socket.seen.length >= count, MS, () => `${count} events, of ${JSON.stringify(socket.seen)}`)
  return socket.seen.splice(0)
}

for (const version of ['2', '3', '4']) {
  test(`client ${version}: chat`, options, async (t) => {
    const { join } = await open(t, 'chat')
    const [ann, bob] = [await join(version), await join(version)]
    ann.emit('add user', 'Ann')
    assert.deepEqual(await hears(ann, 1), [['login', { numUsers: 1 }]])
    ann.emit('new message', 'hi')
    ann.emit('typing')
    ann.emit('stop typing')
    ann.emit('add user', 'Eve')
    await until(() => bob.seen.length >= 4, MS, 'four events')
    ann.close()
    assert.deepEqual(await hears(bob, 5), [
      ['user joined', { username: 'Ann', numUsers: 1 }],
      ['new message', { username: 'Ann', message: 'hi' }],
      ['typing', { username: 'Ann' }],
      ['stop typing', { username: 'Ann' }],
      ['user left', { username: 'Ann', numUsers: 0 }]
    ])
  })

  test(`client ${version}: whiteboard`, options, async (t) => {
    const { join } = await open(t, 'whiteboard')
    const [ann, bob] = [await join(version), await join(version)]
    const line = { x0: 0.25, y0: 0, x1: 1, y1: 0.5, color: 'black' }
    ann.emit('drawing', line)
    bob.emit('drawing', 1)
    assert.deepEqual(await hears(bob, 1), [['drawing', line]])
    assert.deepEqual(await hears(ann, 1), [['drawing', 1]])
  })

  test(`client ${version}: to-do list`, options, async (t) => {
    const { join } = await open(t, 'todo')
    const [ann, bob] = [await join(version), await join(version)]
    const [{ data: id }] = await ask(ann, 'todo:create', { title: 'buy milk', completed: false, more: 1 })
    const entity = { id, title: 'buy milk', completed: false }
    assert.deepEqual(await ask(ann, 'todo:list'), [{ data: [entity] }])
    assert.deepEqual(await ask(ann, 'todo:read', id), [{ data: entity }])
    assert.deepEqual(await ask(ann, 'todo:update', { ...entity, completed: true }), [])
    assert.deepEqual(await ask(ann, 'todo:delete', id), [])
    assert.deepEqual(await ask(ann, 'todo:read', id), [{ error: 'entity not found' }])
    assert.deepEqual(await ask(ann, 'todo:create', { completed: 'x' }), [{
      error: 'invalid payload',
      errorDetails: [
        { message: '"title" is required', path: ['title'], type: 'any.required' },
        { message: '"completed" must be a boolean', path: ['completed'], type: 'boolean.base' }
      ]
    }])
    const updated = { ...entity, completed: true }
    assert.deepEqual(await hears(bob, 3), [['todo:created', entity], ['todo:updated', updated], ['todo:deleted', id]])
  })
}

// Older clients send no credentials to `/`.
for (const version of ['3', '4']) {
  test(`client ${version}: private messaging`, options, async (t) => {
    const { join } = await open(t, 'private_messaging')
    await assert.rejects(join(version, {}), { message: 'invalid username' })
    const ann = await join(version, { username: 'Ann' })
    const [[, session], users] = await hears(ann, 2)
    const { sessionID, userID } = session
    const id = /^[0-9a-f]{16}$/
    assert.match(sessionID, id)
    assert.match(userID, id)
    const seen = { userID, username: 'Ann', connected: true, messages: [] }
    assert.deepEqual(users, ['users', [seen]])
    const bob = await join(version, { username: 'Bob' })
    const [[, { userID: to }]] = await hears(bob, 2)
    ann.emit('private message', { content: 'hi', to })
    const message = { content: 'hi', from: userID, to }
    assert.deepEqual(await hears(bob, 1), [['private message', message]])
    ann.close()
    assert.deepEqual(await hears(bob, 1), [['user disconnected', userID]])
    const back = await join(version, { sessionID })
    assert.deepEqual((await hears(back, 2))[0], ['session', session])
    assert.deepEqual(await hears(bob, 1), [['user connected', seen]])
  })
}

test('pages of the front ends may connect', options, async (t) => {
  for (const [name, origin] of [['todo', 'http://localhost:4200'], ['private_messaging', 'http://localhost:8080']]) {
    const { server } = await open(t, name)
    const from = (origin) => fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } })
    assert.equal((await from(origin)).headers.get('access-control-allow-origin'), origin)
    assert.equal((await from('http://localhost:1')).status, 403)
  }
})
