import { isRepository } from '../oci/reference.ts'
import type { BundleDraft } from './bundle-draft.ts'
import type { Finding } from './problems.ts'
import { httpUrlProblem } from './rules-url.ts'
import { showValue } from './shown-value.ts'
import { pathText, type Path } from './text-place.ts'

/** A file comes from exactly one place. */
export function ruleFileSource(draft: BundleDraft): Finding[] {
  return draft.files.flatMap(({ path, value: { url, path: local } }): Finding[] => {
    const hint = 'A file has url: https://… or path: ./file.'
    if (url === undefined && local === undefined)
      return [{ path, message: 'does not say where the file comes from', hint }]
    if (url !== undefined && local !== undefined)
      return [
        { path: [...path, 'path'], at: 'key', message: 'url and path exclude each other; a file comes from one place' },
      ]
    return []
  })
}

export function ruleFileUrls(draft: BundleDraft): Finding[] {
  return draft.files.flatMap(({ path, value: { url } }) => {
    const message = url === undefined ? undefined : httpUrlProblem(url)
    return message === undefined ? [] : [{ path: [...path, 'url'], message }]
  })
}

/** The name becomes `files/<name>` on site. */
export function ruleFileNames(draft: BundleDraft): Finding[] {
  return draft.files.flatMap(({ path, value: { name } }) =>
    isRepository(`files/${name}`)
      ? []
      : [{ path: [...path, 'name'], message: `${showValue(name)} cannot be a name in a registry` }],
  )
}

/** A name stands for one file on each platform. */
export function ruleFileDuplicates(draft: BundleDraft): Finding[] {
  const seen = new Map<string, Path>()
  const findings: Finding[] = []
  for (const { path, value } of draft.files) {
    const key = value.platform === undefined ? value.name : `${value.name} for ${value.platform}`
    const first = seen.get(key)
    if (first) findings.push({ path, message: `${key} is already carried by ${pathText(first)}` })
    else seen.set(key, path)
  }
  return findings
}
