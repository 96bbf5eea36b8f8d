/** Entry of the console. */
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { startTicking } from './live/server-clock.ts'
import { recall } from './live/session.ts'
import './styles/base.css'

startTicking()
void recall()
createRoot(document.getElementById('root')!).render(<App />)
