/**
 * Views and local subscribers hear what the journal has, after it has it: readings as the device table and the broker
 * want them, alert changes with their pictures. Must never hold up the commit or the change that it tells of.
 */
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Reading } from '#model/reading.ts'
import { topics } from '#model/topics.ts'
import { alertEvent } from '../alert-event.ts'
import type { ContextStore } from '../context-store.ts'
import type { DeviceTable } from '../device-table.ts'
import type { EvidencePictures } from '../evidence-pictures.ts'
import type { Voice } from '../external-voice.ts'
import type { Log } from '../log.ts'
import type { Placing } from './placing.ts'
import type { VideoPart } from './video.ts'

export interface TellingPart {
  log: Log
  journal: EdgeJournal
  context: ContextStore
  placing: Placing
  table: DeviceTable
  /** Through which local subscribers are told: the embedded broker, or a foreign one. */
  voice(): Voice | null
}

export function tellReadings({ journal, context: store, placing, table, voice }: TellingPart): void {
  const tell = (reading: Reading, subject: string | null): void => {
    const topic = topics.reading(reading.facility, reading.type)
    if (!voice()?.wanted(topic)) return
    void voice()
      ?.publish(topic, JSON.stringify({ ...reading, zone: placing.zoneOf(reading), subject }), { qos: 0 })
      .catch(() => {})
  }
  journal.onCommit((records) => {
    const { context } = store
    for (const { seq, body } of records) {
      if (body.kind === 'context') store.apply(body.change, seq)
      else if (body.kind === 'quarantine') table.quarantined(body.item.device)
      else if (body.kind === 'reading') {
        const { reading } = body
        const subject = reading.subject ?? context.subjectOfDevice(reading.device)
        const staff = subject !== null && context.staff(subject) !== undefined
        table.note(reading, { zone: placing.zoneOf(reading), subject, staff })
        if (voice()) tell(reading, subject)
      }
    }
  })
}

/** After each change of an alert: local subscribers hear it, and a picture is taken when it is raised. */
export function tellChange(
  { log, placing, voice }: TellingPart,
  change: AlertChange,
  pictures: EvidencePictures,
  video: VideoPart,
): void {
  const { id, facility, level, domain, raisedAt } = change.alert
  void voice()
    ?.publish(topics.alert(facility, level), JSON.stringify(alertEvent(change)), { qos: 1 })
    .catch(() => {})
  // A flat battery needs no picture; a dead electric fence does.
  const isPlain = domain === 'equipment' && (level === 'blue' || level === 'yellow')
  if (change.change !== 'raised' || isPlain) return
  const cameras = placing.camerasFor(change.alert)
  void Promise.all([pictures.keep(id, cameras), video.keepPreroll(id, cameras, raisedAt)]).catch((error: Error) =>
    log.warn('picture.failed', { alert: id, error: error.message }),
  )
}
