// Keeps the room as high as what can be seen of it. iOS lays its keyboard over the page instead of making the page smaller.
import { onScopeDispose } from 'vue'

export function useVisualHeight() {
  const view = window.visualViewport
  if (!view) return

  function fit() {
    if (view.scale > 1.01) return // Zoomed in by hand: that is no keyboard.
    const covered = window.innerHeight - view.height > 1
    document.documentElement.style.setProperty('--visual-height', covered ? `${view.height}px` : '100dvh')
    if (covered) window.scrollTo(0, 0)
  }

  view.addEventListener('resize', fit)
  onScopeDispose(() => view.removeEventListener('resize', fit))
}
