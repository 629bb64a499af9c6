// Every word the page says, in both languages, chosen once per visit. Knows nothing of sockets or components.

const words = {
  en: {
    title: 'Chat room',
    status: {
      connecting: 'Connecting…',
      online: 'Online',
      offline: 'Offline',
      back: 'Back online',
    },
    count: (n) => `${number(n)} ${n === 1 ? 'person' : 'people'} here`,
    youAre: 'You are',
    you: '(you)',
    nobody: 'Someone',
    log: 'Messages',
    empty: 'Nobody has said anything yet. Say hello!',
    placeholder: 'Write a message',
    keys: 'Enter to send, Shift + Enter for a new line',
    send: 'Send',
    sending: 'Sending…',
    newer: (n) => `${number(n)} new ${n === 1 ? 'message' : 'messages'}`,
    others: (n) => `${number(n)} ${n === 1 ? 'other' : 'others'}`,
    people: (n) => `${number(n)} ${n === 1 ? 'person' : 'people'}`,
    joined: (who) => `${who} joined`,
    left: (who) => `${who} left`,
    and: '; ',
    missed: 'Connected again. Anything said in between is not shown here.',
    refusal: {
      offline: () => 'You are offline. Reconnecting; your text stays here.',
      unsure: () => 'The connection broke before this was confirmed. Send it again?',
      empty: () => 'There is nothing in this message yet.',
      no_text: () => 'This message holds no text.',
      too_long: ({ limit }) => (limit ? `Too long: at most ${number(limit)} characters.` : 'This message is too long.'),
      too_fast: ({ seconds }) =>
        seconds ? `That was quick. Try again in ${number(seconds)} ${seconds === 1 ? 'second' : 'seconds'}.` : 'That was quick. Wait a moment.',
      other: () => 'The server did not accept this message.',
    },
  },
  zh: {
    title: '聊天室',
    status: {
      connecting: '正在连接…',
      online: '在线',
      offline: '离线',
      back: '已恢复连接',
    },
    count: (n) => `${number(n)} 人在线`,
    youAre: '你的昵称',
    you: '（你）',
    nobody: '匿名',
    log: '消息',
    empty: '还没有人说话，打个招呼吧！',
    placeholder: '输入消息',
    keys: 'Enter 发送，Shift + Enter 换行',
    send: '发送',
    sending: '正在发送…',
    newer: (n) => `${number(n)} 条新消息`,
    others: (n) => `另外 ${number(n)} 人`,
    people: (n) => `${number(n)} 人`,
    joined: (who) => `${who}进入聊天室`,
    left: (who) => `${who}离开聊天室`,
    and: '；',
    missed: '已重新连接，断开期间的消息不会显示。',
    refusal: {
      offline: () => '已离线，正在重连。你写的内容会保留在这里。',
      unsure: () => '连接中断，无法确认这条消息是否送达，要再发一次吗？',
      empty: () => '消息还是空的。',
      no_text: () => '这条消息里没有文字。',
      too_long: ({ limit }) => (limit ? `消息太长了，最多 ${number(limit)} 个字符。` : '消息太长了。'),
      too_fast: ({ seconds }) => (seconds ? `发得太快了，请 ${number(seconds)} 秒后再试。` : '发得太快了，请稍等片刻。'),
      other: () => '服务器没有接受这条消息。',
    },
  },
}

/** The reader's first language that the page speaks, with its region for dates: `?lang=` comes before the browser's list. */
function pickLocale() {
  const wanted = [new URLSearchParams(location.search).get('lang'), ...(navigator.languages ?? [navigator.language])]
  const known = wanted.find((tag) => tag && words[tag.split('-')[0].toLowerCase()]) ?? 'en'
  try {
    return Intl.getCanonicalLocales(known)[0]
  } catch {
    return 'en' // Such as `?lang=en-`.
  }
}

const locale = pickLocale()
export const lang = locale.split('-')[0]
export const t = words[lang]

const numbers = new Intl.NumberFormat(locale)
const lists = new Intl.ListFormat(locale, { type: 'conjunction' })
const clock = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' })
const calendar = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'medium' })

function number(n) {
  return numbers.format(n)
}

export const clockTime = (ms) => clock.format(ms)
export const fullTime = (ms) => calendar.format(ms)

function sentence(say, names, total, me) {
  if (total === 0) return ''
  const shown = names.map((name) => (name === me ? `${name}${lang === 'zh' ? '' : ' '}${t.you}` : name))
  const rest = total - names.length
  if (rest > 0) shown.push(names.length ? t.others(rest) : t.people(rest))
  return say(lists.format(shown))
}

/** Who came and who left, as one line; '' if the server named nobody. */
export function presence({ joined, left, joinedCount, leftCount }, me) {
  return [sentence(t.joined, joined, joinedCount, me), sentence(t.left, left, leftCount, me)].filter(Boolean).join(t.and)
}

/** Why a message was not taken; `code` is the server's, or `offline` and `unsure`, which the page finds out itself. */
export function refusalText({ code, ...details }) {
  const say = Object.hasOwn(t.refusal, code) ? t.refusal[code] : t.refusal.other
  return say(details)
}
