/**
 * An address the camera named, made reachable: cameras behind NAT, or with a stale or empty name, send hosts that
 * nobody can reach. Another host than the configured one is replaced by it, port included (another protocol keeps its port).
 */
export function reachableAddress(text: string, base: URL): URL {
  const first = text.trim().split(/\s+/)[0] ?? ''
  const url = URL.canParse(first) ? new URL(first) : new URL(first.startsWith('/') ? first : base.pathname, base)
  if (url.hostname !== base.hostname) {
    url.hostname = base.hostname
    if (/^https?:$/.test(url.protocol)) url.port = base.port
  }
  // A camera behind a TLS proxy names plain addresses on the port that speaks TLS.
  if (/^https?:$/.test(url.protocol) && url.protocol !== base.protocol && url.port === base.port)
    url.protocol = base.protocol
  return url
}
