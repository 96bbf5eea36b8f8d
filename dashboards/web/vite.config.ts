/** Build of the console: `vite build dashboards/web` writes `dashboards/web/dist`. It downloads nothing and embeds no font. */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const api = process.env.WARDWATCH_API ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    // The budget test counts what the entry pulls in; a preload polyfill is dead weight for the browsers we support.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/api': { target: api } } },
})
