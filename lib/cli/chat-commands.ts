// What a line that begins with a slash does to a conversation.
import { FileProblem, readRegularFile } from '../base/files.js'
import { nearest } from '../base/nearest.js'
import { quote } from '../base/show.js'
import type { ChatMessage } from '../requests/types/index.js'

const MOST_BYTES = 256 << 20

/** A conversation so far. */
export interface Talk {
  /** What it began with, and begins again. */
  readonly system: readonly ChatMessage[]
  readonly messages: ChatMessage[]
  /** Files of pictures that questions are about. */
  images: string[]
  /** The model takes pictures. */
  readonly canSee: boolean
}

const HELP = `/image PATH  ask about a picture; several may be given. A question about pictures is answered alone
/image       go on without pictures
/reset       forget the conversation and the pictures
/quit        leave
`

/** What is to be said, with a line end; undefined: leave. */
export async function obey(line: string, talk: Talk): Promise<string | undefined> {
  const [, command = '', argument = ''] = /^(\/\S*)\s*(.*)$/.exec(line) ?? []
  switch (command) {
    case '/help':
      return HELP
    case '/quit':
      return undefined
    case '/reset':
      talk.messages.splice(0, Infinity, ...talk.system)
      talk.images = []
      return 'forgotten\n'
    case '/image':
      return image(argument, talk)
    default: {
      const meant = nearest(command, ['/help', '/image', '/reset', '/quit'])
      return `no such command: ${quote(command, 60)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}; /help lists them\n`
    }
  }
}

async function image(path: string, talk: Talk): Promise<string> {
  if (!talk.canSee) return 'this model answers in text only and takes no pictures\n'
  if (path === '') {
    talk.images = []
    return 'no pictures\n'
  }
  // Paths that were dragged into a terminal come in quotes.
  const file = path.replace(/^(['"])(.*)\1$/, '$2')
  try {
    await readRegularFile(file, MOST_BYTES)
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error
    return `${quote(file)}: ${error.reason === 'missing' ? 'there is nothing of this name' : quote(error.message)}\n`
  }
  talk.images = [...talk.images, file]
  return `${talk.images.length === 1 ? 'the next questions are' : `${talk.images.length} pictures: the next questions are`} about ${talk.images.map((one) => quote(one, 60)).join(', ')}; /image alone goes on without\n`
}
