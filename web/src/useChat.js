// The chat as state: one socket for the life of the component that calls this. Knows no markup and no language.
import { io } from 'socket.io-client'
import { onScopeDispose, ref, shallowRef } from 'vue'
import { readMessage, readNotice, readRefusal, readUser } from './wire.js'

/** Lines kept; older ones leave the page. */
const KEPT = 500
/** Lines that arrive within this time are shown at once: a busy room would otherwise be drawn anew for each. */
const GATHER_MS = 16
/** How long to wait for an answer to a message. A server that never answers (the tutorial's) is no error. */
const ANSWER_MS = 5000
/** Messages neither answered nor seen back that are remembered, to be given back should the connection break. */
const MOST_PENDING = 20
/** How long "back online" stands before it is plain "online". */
const BACK_MS = 4000

export function useChat() {
  const status = ref('connecting') // connecting | online | offline | back
  const connected = ref(false)
  const count = ref(null)
  const me = ref(null)
  const items = shallowRef([])
  const draft = ref('')
  const refusal = ref(null)
  const sending = ref(false)

  const socket = io({ reconnectionDelayMax: 5000 })
  const timers = new Set()
  const seen = new Set() // ids in `items`
  const ownIds = new Set() // ids the server gave to messages of ours
  let arrived = [] // not yet in `items`
  let pending = [] // sent, neither answered nor seen back
  let nextKey = 0
  let awaitsUser = false
  let wasConnected = false

  function later(ms, run) {
    const timer = setTimeout(() => (timers.delete(timer), run()), ms)
    timers.add(timer)
  }

  function push(item) {
    if (arrived.length === 0) later(GATHER_MS, show)
    arrived.push({ ...item, key: nextKey++ })
    if (arrived.length >= KEPT) show()
  }

  function show() {
    const kept = [...items.value, ...arrived]
    arrived = []
    for (const gone of kept.splice(0, kept.length - KEPT)) {
      seen.delete(gone.id)
      ownIds.delete(gone.id)
    }
    items.value = kept
  }

  function settle(entry) {
    pending = pending.filter((other) => other !== entry)
    sending.value = pending.some((other) => !other.late)
  }

  function giveBack(text, reason) {
    draft.value = draft.value ? `${text}\n${draft.value}` : text
    refusal.value = reason
  }

  /** The server told which message is ours, which is better than having guessed by name and text. */
  function markOwn(id) {
    if (id === undefined || id === null) return
    ownIds.add(id)
    if (ownIds.size > KEPT) ownIds.delete(ownIds.values().next().value)
    const own = (item) => (item.id === id && !item.own ? { ...item, own: true } : item)
    arrived = arrived.map(own)
    if (items.value.some((item) => own(item) !== item)) items.value = items.value.map(own)
  }

  function send(text) {
    text = text.trim()
    if (!text) return false
    if (!socket.connected) {
      refusal.value = { code: 'offline' }
      return false
    }
    const { name, color } = me.value ?? { name: '', color: '' }
    const entry = { text, name, late: false, seen: false }
    pending = [...pending, entry].slice(-MOST_PENDING)
    refusal.value = null
    sending.value = true
    draft.value = ''
    socket.timeout(ANSWER_MS).emit('chat message', { description: text, nickName: name, color }, (error, answer) => {
      if (!error) {
        settle(entry)
        if (answer?.ok === false) giveBack(text, readRefusal(answer))
        else markOwn(answer?.id)
      } else if (socket.connected) {
        entry.late = true // Taken as sent, but given back if the connection turns out to be dead.
        sending.value = pending.some((other) => !other.late)
      }
    })
    return true
  }

  function tryAgainSoon() {
    // Not all at once: a server that restarts has just put everybody out.
    later(1000 + Math.random() * 4000, () => socket.connect())
  }

  socket.on('connect', () => {
    connected.value = true
    awaitsUser = true
    if (refusal.value?.code === 'offline') refusal.value = null
    status.value = wasConnected ? 'back' : 'online'
    if (wasConnected) {
      if (!socket.recovered) push({ kind: 'missed', time: Date.now() })
      later(BACK_MS, () => status.value === 'back' && (status.value = 'online'))
    }
    wasConnected = true
  })

  socket.on('disconnect', (reason) => {
    connected.value = false
    status.value = 'offline'
    const lost = pending.map((entry) => entry.text)
    pending = []
    sending.value = false
    if (lost.length) giveBack(lost.join('\n'), { code: 'unsure' })
    if (reason === 'io server disconnect') tryAgainSoon() // Here alone the client does not by itself.
  })

  socket.on('connect_error', () => {
    status.value = 'offline'
    if (!socket.active) tryAgainSoon() // The server refused, and the client has given up.
  })

  socket.on('initUser', (data) => {
    // The tutorial's server tells everybody about everybody: only the first one of a connection is about us.
    if (awaitsUser) me.value = readUser(data)
    awaitsUser = false
  })

  socket.on('sys message', (data) => {
    const notice = readNotice(data)
    if (notice.counts !== null) count.value = notice.counts
    if (notice.joinedCount || notice.leftCount || notice.text) push(notice)
  })

  socket.on('message from server', (data) => {
    const message = readMessage(data)
    if (!message.text || (message.id !== null && seen.has(message.id))) return
    if (message.id !== null) seen.add(message.id)
    const mine = pending.find((entry) => !entry.seen && entry.text === message.text && entry.name === message.name)
    if (mine) {
      mine.seen = true
      settle(mine)
    }
    push({ ...message, own: Boolean(mine) || ownIds.has(message.id) })
  })

  onScopeDispose(() => {
    timers.forEach(clearTimeout)
    socket.close()
  })

  return { status, connected, count, me, items, draft, refusal, sending, send }
}
