/** Entry of the console. The dictionary of this browser's language comes while the server is asked who sits here. */
import { createRoot } from 'react-dom/client'
import { sayNoAnswer } from './api/client.ts'
import { App } from './app.tsx'
import { Boundary, Broken } from './frame/boundary.tsx'
import { translate } from './i18n/dictionary.ts'
import { startTicking } from './live/server-clock.ts'
import { recall } from './live/session.ts'
import { chooseLanguage, otherLanguage, settings } from './live/settings.ts'
import './styles/base.css'

const root = createRoot(document.getElementById('root')!)

async function start(): Promise<void> {
  // A console in the other language is better than none.
  const readable = (await chooseLanguage(settings.get().language)) || (await chooseLanguage(otherLanguage()))
  root.render(
    readable ? (
      <Boundary unattended={location.pathname === '/duty/wall'}>
        <App />
      </Boundary>
    ) : (
      <Broken why="i18n" />
    ),
  )
}

sayNoAnswer(() => translate(settings.get().language, 'act.noAnswer'))
startTicking()
void recall()
void start()
