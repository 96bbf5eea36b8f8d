/** Which devices can say something about the key of an alert. A library of one question; knows no alerts. */
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Rule } from './engine/rule.ts'

export interface Speakers {
  devices: ReadonlySet<string>
  /** Parts of the key, prefixes such as "reader:" dropped. */
  parts: ReadonlySet<string>
  /** The key is the facility itself, or names nothing of the site: every device counts. */
  all: boolean
}

export function speakersOf(rule: Rule, key: string, site: FacilityContext): Speakers {
  const parts = new Set(key.split('|').map((part) => part.replace(/^(reader|cred):/, '')))
  const devices = new Set<string>()
  let known = false
  const addZone = (zone: string): void => {
    for (const d of site.devicesOf(zone)) devices.add(d.id)
    for (const id of site.camerasOf(zone)) devices.add(id)
  }
  for (const part of parts) {
    if (site.device(part)) {
      known = true
      devices.add(part)
      for (const d of site.all('devices')) if (d.door === part) devices.add(d.id)
    }
    if (site.person(part) || site.staff(part)) {
      known = true
      for (const id of site.devicesOfSubject(part)) devices.add(id)
    }
    const pair = site.item('door-pairs', part)
    if (pair) {
      known = true
      devices.add(pair.a)
      devices.add(pair.b)
    }
    if (site.zone(part) && parts.size === 1) {
      known = true
      for (const zone of site.linked(part)) addZone(zone)
      const links = site.all('links').filter((l) => l.zone === part)
      for (const link of links) devices.add(link.fence)
      for (const person of site.all('people'))
        if (site.within(person.cell ?? null, part)) for (const id of site.devicesOfSubject(person.id)) devices.add(id)
    }
  }
  return { devices, parts, all: !known || rule.file.key.includes('facility') }
}
