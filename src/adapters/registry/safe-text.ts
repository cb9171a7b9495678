/**
 * Text that came from a registry, made fit for a terminal and a log: no control or formatting characters, short, and
 * without any secret that was ever sent there (a hostile registry may echo it).
 */
export interface Mask {
  /** Remembers a secret. Values of less than 4 characters are not worth hiding and would blank out normal words. */
  add(secret: string): void
  /** The text with every remembered secret replaced by `***`. */
  hide(text: string): string
}

export function createMask(): Mask {
  const secrets = new Set<string>()
  return {
    add(secret) {
      if (secret.length >= 4) secrets.add(secret)
    },
    hide(text) {
      let hidden = text
      for (const secret of secrets) hidden = hidden.replaceAll(secret, '***')
      return hidden
    },
  }
}

/** @param limit the most characters kept, default 300. */
export function plainText(text: string, limit = 300): string {
  const plain = text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim()
  return plain.length > limit ? `${plain.slice(0, limit - 1)}…` : plain
}

/** Whether a value may go into a header, a URL or a message as it is. */
export function hasControlCharacters(text: string): boolean {
  return /\p{Cc}/u.test(text)
}
