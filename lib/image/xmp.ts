// XMP packets with one property per entry, for every format. Read back also where another tool has written them anew: under another
// prefix, as attributes, with other references.

const NAMESPACE = 'urn:lumina-dimoo:1'

/** The keyword of a PNG's chunk that holds XMP. */
export const XMP_KEYWORD = 'XML:com.adobe.xmp'

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
  const [, prefix] = new RegExp(`xmlns:([\\w.-]{1,40})\\s*=\\s*["']${NAMESPACE}["']`).exec(xmp) ?? []
  if (prefix === undefined) return undefined
  return between(xmp, `<${prefix}:${name}>`, `</${prefix}:${name}>`) ?? quoted(xmp, ` ${prefix}:${name}=`)
}

function between(xmp: string, open: string, close: string): string | undefined {
  const start = xmp.indexOf(open)
  const end = start < 0 ? -1 : xmp.indexOf(close, start)
  return end < 0 ? undefined : unescape(xmp.slice(start + open.length, end))
}

function quoted(xmp: string, assignment: string): string | undefined {
  const start = xmp.replace(/[\r\n\t]/g, ' ').indexOf(assignment)
  const mark = xmp[start + assignment.length]
  if (start < 0 || (mark !== '"' && mark !== "'")) return undefined
  const from = start + assignment.length + 1
  const end = xmp.indexOf(mark, from)
  return end < 0 ? undefined : unescape(xmp.slice(from, end))
}

function escape(text: string): string {
  return text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`)
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescape(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g, (found, decimal, hex, word) => {
    if (word !== undefined) return NAMED[word as string]!
    const code = decimal === undefined ? parseInt(hex as string, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : found
  })
}
