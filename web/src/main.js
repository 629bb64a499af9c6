// Starts the page: language first, because the document carries it too.
import { createApp } from 'vue'
import App from './App.vue'
import { lang, t } from './i18n.js'
import './style.css'

document.documentElement.lang = lang
document.title = t.title
createApp(App).mount('#app')
