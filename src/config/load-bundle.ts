import { draftBundle, type BundleDraft } from './bundle-draft.ts'
import type { BundleDefinition } from './bundle-definition.ts'
import { normaliseBundle } from './normalise-bundle.ts'
import { invalidFile, locateFindings, type Finding } from './problems.ts'
import { ruleNotAfter, ruleSequences, ruleSomethingToCarry } from './rules-bundle.ts'
import {
  ruleChartDuplicates,
  ruleChartNames,
  ruleChartReferences,
  ruleChartRepositories,
  ruleChartSource,
} from './rules-chart.ts'
import { ruleFileDuplicates, ruleFileNames, ruleFileSource, ruleFileUrls } from './rules-file.ts'
import { ruleImageDuplicates, ruleImageReferences } from './rules-image.ts'
import { ruleRegistryHosts, ruleRegistryMirrors, ruleRegistryTokenHosts } from './rules-registry.ts'
import { pathText } from './text-place.ts'
import { findMismatches } from './validate.ts'
import { parseYaml } from './yaml.ts'

/** What the schema cannot say. All of them run, whatever the others found. */
const RULES: readonly ((draft: BundleDraft) => Finding[])[] = [
  ruleSomethingToCarry,
  ruleNotAfter,
  ruleSequences,
  ruleRegistryHosts,
  ruleRegistryMirrors,
  ruleRegistryTokenHosts,
  ruleImageReferences,
  ruleImageDuplicates,
  ruleChartSource,
  ruleChartReferences,
  ruleChartRepositories,
  ruleChartNames,
  ruleChartDuplicates,
  ruleFileSource,
  ruleFileUrls,
  ruleFileNames,
  ruleFileDuplicates,
]

/**
 * Reads bundle.yaml: parse, check against the schema, check across fields, fill in defaults and full names.
 * @param file as the user named it, for messages
 * @param folder absolute; relative paths in the file start there
 * @throws FerryError `config-invalid` with every mistake in the file, each at its line.
 */
export function loadBundle(text: string, file: string, folder: string): BundleDefinition {
  const document = parseYaml(text, file)
  const mismatches = findMismatches('bundle', document.value, document.writtenAs)
  const draft = draftBundle(document.value, mismatches, folder)
  // Of a value that does not look as it should, one message is enough.
  const reported = new Set(mismatches.map(({ path }) => pathText(path)))
  const ruled = RULES.flatMap((rule) => rule(draft)).filter(({ path }) => !reported.has(pathText(path)))
  const findings = [...mismatches, ...ruled]
  if (findings.length > 0) throw invalidFile(file, locateFindings(document, findings))
  return normaliseBundle(draft, document, folder)
}
