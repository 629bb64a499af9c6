// Builds the page the server embeds. The server's Content-Security-Policy allows only files of its own origin,
// so nothing may be inlined into HTML or CSS.
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  define: { __VUE_OPTIONS_API__: false },
  server: {
    // `npm run dev` beside a running server: the page comes from Vite, the socket from the server.
    proxy: { '/socket.io': { target: 'http://127.0.0.1:8081', ws: true } },
  },
})
