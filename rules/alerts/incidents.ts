/**
 * Incidents: which alerts belong to one story, and which of them sound (`semantics.md` 7). Alerts come in order of
 * (at, id); an incident is never merged with another afterwards.
 */
import { type Alert, type Level, levelRank } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'

const JOIN_WITHIN_MS = 180_000
const REALARM_AFTER_ACK_MS = 60_000
/** Roll-call and lost persons belong to a serious incident of their place however old it is. */
const JOINS_SERIOUS: ReadonlySet<string> = new Set(['R23', 'R24'])

interface Incident {
  id: string
  changedAt: number
  level: Level
  /** What each member was when it last changed; zones and subjects of all of them, so that joining costs no walk. */
  members: Record<string, { zone: string | null; level: Level; state: string }>
  zones: Record<string, true>
  subjects: Record<string, true>
  /** Zones of members that are red or orange. */
  seriousZones: Record<string, true>
  open: number
  /** Red members that nobody has acknowledged. */
  unseenReds: number
  /** Last instant at which a member sounded: one sound an instant. */
  soundedAt: number | null
}

export interface Verdict {
  incident: string
  sounds: boolean
}

export class Incidents {
  readonly #site: FacilityContext
  /** Open incidents, oldest first. */
  #list: Incident[] = []
  readonly #ofAlert = new Map<string, Incident>()
  opened = 0

  constructor(site: FacilityContext) {
    this.#site = site
  }

  /** A raise, an escalation or a re-activation: joins or opens an incident and says whether it sounds. */
  stir(alert: Alert, what: 'raise' | 'escalate' | 'reactivate', at: number): Verdict {
    let incident = this.#ofAlert.get(alert.id)
    let openedNow = false
    if (!incident) {
      incident = this.#match(alert, at)
      if (!incident) {
        incident = {
          id: `i${alert.id}`,
          changedAt: at,
          level: alert.level,
          members: {},
          zones: {},
          subjects: {},
          seriousZones: {},
          open: 0,
          unseenReds: 0,
          soundedAt: null,
        }
        this.#list.push(incident)
        this.opened++
        openedNow = true
      }
      this.#ofAlert.set(alert.id, incident)
    }
    const raisesLevel = !openedNow && levelRank(alert.level) > levelRank(incident.level)
    const self = incident.members[alert.id]
    const otherRedUnseen = incident.unseenReds - (self && isUnseenRed(self) ? 1 : 0) > 0
    const sinceAck = alert.ackAt === null ? null : at - alert.ackAt
    const wants =
      openedNow ||
      raisesLevel ||
      (what !== 'reactivate' && alert.level === 'red' && !otherRedUnseen) ||
      (what === 'reactivate' && sinceAck !== null && sinceAck >= REALARM_AFTER_ACK_MS)
    const audible = alert.level !== 'blue' && isUnseen(alert.state)
    const sounds = wants && audible && incident.soundedAt !== at
    incident.changedAt = at
    if (raisesLevel) incident.level = alert.level
    if (sounds) incident.soundedAt = at
    this.#remember(incident, alert)
    return { incident: incident.id, sounds }
  }

  /** Any printed change: keeps level, state and subjects of the member; an incident ends with its last member. */
  note(alert: Alert): void {
    const incident = this.#ofAlert.get(alert.id)
    if (!incident) return
    this.#remember(incident, alert)
    if (incident.open === 0) {
      for (const id of Object.keys(incident.members)) this.#ofAlert.delete(id)
      this.#list = this.#list.filter((i) => i !== incident)
    }
  }

  #remember(incident: Incident, alert: Alert): void {
    const before = incident.members[alert.id]
    const now = { zone: alert.zone, level: alert.level, state: alert.state }
    incident.members[alert.id] = now
    incident.open += (isClosed(now.state) ? 0 : 1) - (before && !isClosed(before.state) ? 1 : 0)
    incident.unseenReds += (isUnseenRed(now) ? 1 : 0) - (before && isUnseenRed(before) ? 1 : 0)
    if (alert.zone !== null) {
      incident.zones[alert.zone] = true
      if (levelRank(alert.level) >= 3) incident.seriousZones[alert.zone] = true
    }
    for (const subject of alert.subjects) incident.subjects[subject] = true
  }

  #match(alert: Alert, at: number): Incident | undefined {
    return this.#list.find((incident) => {
      if (JOINS_SERIOUS.has(alert.code) && Object.keys(incident.seriousZones).some((z) => this.#inScope(alert.zone, z)))
        return true
      if (at - incident.changedAt > JOIN_WITHIN_MS) return false
      if (alert.subjects.some((s) => incident.subjects[s] === true)) return true
      if (alert.zone === null) return false
      return (
        incident.zones[alert.zone] === true ||
        Object.keys(incident.zones).some((z) => this.#site.areNear(alert.zone, z))
      )
    })
  }

  /** Zone, its parents, its children. */
  #inScope(zone: string | null, other: string | null): boolean {
    if (zone === null || other === null) return false
    return this.#site.within(other, zone) || this.#site.within(zone, other)
  }

  snapshot(): { list: Incident[]; opened: number } {
    return { list: this.#list, opened: this.opened }
  }
  restore(snapshot: { list: Incident[]; opened: number }): void {
    this.#list = snapshot.list
    this.opened = snapshot.opened
    this.#ofAlert.clear()
    for (const incident of this.#list) for (const id of Object.keys(incident.members)) this.#ofAlert.set(id, incident)
  }
}

const isUnseen = (state: string): boolean => state === 'unacknowledged'
const isUnseenRed = (member: { level: Level; state: string }): boolean =>
  member.level === 'red' && isUnseen(member.state)
const isClosed = (state: string): boolean => state === 'resolved' || state === 'dismissed'
