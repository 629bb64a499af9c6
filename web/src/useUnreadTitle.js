// Counts in the document's title what others said while the tab was hidden.
import { onScopeDispose, watch } from 'vue'
import { t } from './i18n.js'

export function useUnreadTitle(items) {
  let unread = 0

  function show() {
    document.title = unread ? `(${unread}) ${t.title}` : t.title
  }

  function onVisibility() {
    if (!document.hidden) unread = 0
    show()
  }

  watch(items, (now, before) => {
    if (!document.hidden) return
    const last = before.at(-1)?.key ?? -1
    unread += now.filter((item) => item.key > last && item.kind === 'message' && !item.own).length
    show()
  })

  document.addEventListener('visibilitychange', onVisibility)
  onScopeDispose(() => document.removeEventListener('visibilitychange', onVisibility))
}
