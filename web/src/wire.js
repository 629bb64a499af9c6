// What arrives from the server, made into what the page shows. The plain tutorial server passes on whatever a client
// sent, so nothing here is trusted to have its type. Knows neither Vue nor sockets.

const string = (value) => (typeof value === 'string' ? value : '')
const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? value : null)
const names = (value) => (Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [])
// 8.64e15 is the last millisecond a Date can hold.
const time = (value) => (Number.isFinite(value) && Math.abs(value) <= 8.64e15 ? value : Date.now())
const colour = (value) => (CSS.supports('color', string(value)) ? value : '')

export function readUser(data) {
  return { name: string(data?.name), color: colour(data?.color) }
}

export function readMessage(data) {
  const id = ['string', 'number'].includes(typeof data?.id) ? data.id : null
  return {
    kind: 'message',
    id,
    text: string(data?.description),
    name: string(data?.nickName),
    color: colour(data?.color),
    time: time(data?.time),
  }
}

export function readNotice(data) {
  const [joined, left] = [names(data?.joined), names(data?.left)]
  return {
    kind: 'notice',
    text: string(data?.data),
    counts: count(data?.counts),
    time: time(data?.time),
    joined,
    left,
    joinedCount: Math.max(count(data?.joinedCount) ?? 0, joined.length),
    leftCount: Math.max(count(data?.leftCount) ?? 0, left.length),
  }
}

export function readRefusal(answer) {
  return {
    code: string(answer?.code),
    limit: count(answer?.limit),
    seconds: Number.isFinite(answer?.retryAfter) ? Math.max(1, Math.ceil(answer.retryAfter / 1000)) : null,
  }
}
