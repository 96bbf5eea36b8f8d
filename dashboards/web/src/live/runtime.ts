/** Wires the stream to the stores for as long as somebody is logged in, and checks that our counts equal the server's. */
import { ApiError, getAll, getJson, getPages } from '../api/client.ts'
import type { FacilityItem, ListedAlert, Me, Page } from '../api/types.ts'
import { AlertStore, CAPACITY } from './alert-store.ts'
import { AlertView } from './alert-view.ts'
import { startConnection } from './connection.ts'
import { deviceChanged, facility, fetchAllParts, forgetFacility, type Part, zoneGroup } from './facility-data.ts'
import { holdPhones, holdPlans } from './held.ts'
import { forgetLease, heardSounding } from './lease.ts'
import { heardTest, noProof, proof } from './proof.ts'
import { serverClock } from './server-clock.ts'
import { isProvince, mayDo, recall } from './session.ts'
import { Signal } from './signal.ts'
import { reportSound } from './sound.ts'
import { forgetSounded, loadSounded } from './sounded.ts'

export const store = new AlertStore()
export const view = new AlertView(store, serverClock.now)

export interface LoadState {
  failure: string | null
  /** Server time of the last full list. */
  loadedAt: number | null
  /** The counts differ from the heartbeat's: being fetched again. */
  mismatch: { server: number; local: number } | null
  /** A long list is being read: so many of so many are there. */
  progress: { have: number; total: number } | null
}
const notLoaded: LoadState = { failure: null, loadedAt: null, mismatch: null, progress: null }
export const loading = new Signal<LoadState>(notLoaded)

export const facilities = new Signal<{ items: FacilityItem[]; heardAt: number | null; failure: string | null }>({
  items: [],
  heardAt: null,
  failure: null,
})

/** How long the counts may differ before we doubt ourselves: events and heartbeats cross on the way. */
const MISMATCH_BEATS = 3

const OPEN = '/api/v1/alerts?open=true'
const FIRST_ROWS = 200
let loads = 0

/**
 * The newest 200 are on the screen first; where there are more, red and orange come before the rest, however old, so
 * that thousands of blue ones can neither delay nor displace them.
 */
async function loadAlerts(): Promise<void> {
  const mine = ++loads
  const current = () => mine === loads
  store.beginLoad()
  try {
    const first = await getJson<Page<ListedAlert>>(`${OPEN}&limit=${FIRST_ROWS}`)
    if (!current()) return
    const total = first.total ?? first.items.length
    if (!first.next) store.load(first.items)
    else {
      store.loadSome(first.items)
      let have = first.items.length
      const show = () => loading.set({ ...loading.get(), progress: { have, total } })
      show()
      const serious = await getAll<ListedAlert>(`${OPEN}&level=red,orange&limit=1000`, CAPACITY)
      if (!current()) return
      store.loadSome(serious.items)
      await getPages<ListedAlert>(`${OPEN}&limit=1000`, CAPACITY, (items) => {
        if (!current()) return false
        store.loadSome(items)
        have = Math.min(total, Math.max(have, store.openCount()))
        show()
        return true
      })
      if (!current()) return
      store.endLoad(total)
    }
    loading.set({ failure: null, loadedAt: serverClock.now(), mismatch: null, progress: null })
    // A rate without them says too little, never too much; the list does not wait for it.
    void loadSounded(serverClock.now()).catch(() => {})
  } catch (error) {
    if (!current()) return
    const why = error instanceof ApiError ? error.message : String(error)
    loading.set({ ...loading.get(), failure: why, progress: null })
  }
}

export async function loadFacilities(): Promise<void> {
  try {
    const { items } = await getAll<FacilityItem>('/api/v1/facilities')
    facilities.set({ items, heardAt: performance.now(), failure: null })
  } catch (error) {
    facilities.set({ ...facilities.get(), failure: error instanceof Error ? error.message : String(error) })
  }
}

function facilityChanged(raw: unknown): void {
  const changed = raw as Partial<FacilityItem>
  if (typeof changed.id !== 'string') return
  const { items } = facilities.get()
  const known = items.some((item) => item.id === changed.id)
  if (!known) void loadFacilities()
  else
    facilities.set({
      items: items.map((item) => (item.id === changed.id ? { ...item, ...changed } : item)),
      heardAt: performance.now(),
      failure: null,
    })
}

export function refreshView(account: Me | null): void {
  const data = facility.get()
  view.setContext({
    account: account?.id ?? null,
    zoneGroup: (zone) => zoneGroup(data, zone),
    text: (alert) => {
      const zone = alert.zone ? data.zones.get(alert.zone) : undefined
      const rule = data.rules.get(alert.rule)
      return [
        alert.number,
        alert.code,
        alert.rule,
        alert.zone,
        alert.device,
        alert.subject,
        zone?.name?.zh,
        zone?.name?.en,
      ]
        .concat(rule?.name.zh, rule?.name.en, alert.explanation?.zh, alert.explanation?.en)
        .filter(Boolean)
        .join(' ')
        .toLowerCase()
    },
  })
}

export function startRuntime(account: Me): () => void {
  const province = isProvince(account)
  // Lists that a role may not see are not asked for: the server would refuse, and note it.
  const persons = account.role === 'officer' || account.role === 'chief'
  const parts: Part[] = province ? ['rules'] : ['rules', 'zones', 'devices', ...(persons ? (['people'] as const) : [])]
  /** For the hour without a link: it must be here before it is needed. */
  const hold = () => {
    if (province) return
    if (mayDo(account, 'phones:read')) void holdPhones(account.facility?.id ?? null)
    if (account.role !== 'wall') void holdPlans()
  }
  let wrongBeats = 0
  const stopView = facility.subscribe(() => refreshView(account))
  refreshView(account)
  void fetchAllParts(parts).then(hold)
  if (province) void loadFacilities()
  const stop = startConnection({
    alert: (change) => {
      // The test alert proves the way and is nobody's work: it never comes into the list.
      if (change.alert.test && change.alert.code === 'S02') heardTest(change)
      else store.apply(change)
    },
    device: deviceChanged,
    facility: facilityChanged,
    opened: (resumed) => {
      reportSound()
      if (!resumed || !store.loaded()) void loadAlerts()
      if (resumed) void fetchAllParts(parts.filter((part) => part !== 'rules'))
      if (resumed) hold()
      if (resumed && province) void loadFacilities()
    },
    gap: () => {
      void loadAlerts()
    },
    heartbeat: ({ openAlerts, sounding, attended, test }) => {
      heardSounding(sounding, attended)
      if (test) proof.set({ ...proof.get(), ...test })
      if (openAlerts === null || !store.loaded()) return
      const local = store.openCount() + store.dropped()
      if (local === openAlerts) {
        wrongBeats = 0
        if (loading.get().mismatch) loading.set({ ...loading.get(), mismatch: null })
      } else if (++wrongBeats >= MISMATCH_BEATS && store.ratePerSecond() < 5) {
        wrongBeats = -20
        loading.set({ ...loading.get(), mismatch: { server: openAlerts, local } })
        void loadAlerts()
      }
    },
    loggedOut: () => {
      void recall()
    },
  })
  const refresh = setInterval(() => {
    if (province) void loadFacilities()
  }, 10_000)
  return () => {
    stop()
    stopView()
    clearInterval(refresh)
    store.clear()
    forgetLease()
    forgetSounded()
    proof.set(noProof)
    forgetFacility()
    loads++
    loading.set(notLoaded)
  }
}

/** The highest unacknowledged alert: what the alert bar shows and what sounds. */
export const highestUnacknowledged = (): ListedAlert | null => store.highestUnacknowledged()
