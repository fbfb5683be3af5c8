export interface Block {
  readonly language: string
  readonly text: string
  /** What is run of it. */
  readonly lines: readonly string[]
  /** What keeps it from being run. */
  readonly why?: string
}

export function pagesWithCode(): string[]
export function blocksOf(page: string): Block[]
export function picturesOf(page: string): string[]
export function runPage<T>(page: string, use?: (folder: string) => T | Promise<T>): Promise<T>
