/** A URL for messages: without query and user, which may hold secrets. What is no URL is shown up to its first `?`. */
export function shownUrl(text: string): string {
  const url = URL.parse(text)
  return url
    ? `${url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin}${url.pathname}`
    : text.replace(/\?.*$/s, '')
}
