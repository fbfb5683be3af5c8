// XMP packets with one property per entry, for WebP and JPEG. Reads back only what it writes.

const NAMESPACE = 'urn:lumina-dimoo:1'

export function makeXmp(entries: Readonly<Record<string, string>>): string {
  const properties = Object.entries(entries).map(([name, text]) => `<dimoo:${name}>${escape(text)}</dimoo:${name}>`)
  return (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">' +
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    `<rdf:Description rdf:about="" xmlns:dimoo="${NAMESPACE}">${properties.join('')}</rdf:Description>` +
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
  )
}

export function readXmp(xmp: string, name: string): string | undefined {
  const [open, close] = [`<dimoo:${name}>`, `</dimoo:${name}>`]
  const start = xmp.indexOf(open)
  const end = xmp.indexOf(close, start)
  return start < 0 || end < 0 ? undefined : unescape(xmp.slice(start + open.length, end))
}

function escape(text: string): string {
  return text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`)
}

function unescape(text: string): string {
  return text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
}
