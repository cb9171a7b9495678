import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildShelf, uniteCatalogs } from '../../src/bundle/shelf.ts'
import type { Catalog, CatalogEntry, CatalogRepository } from '../../src/oci/catalog.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { openMemoryBundle } from '../fakes/memory-bundle.ts'
import { addAttached, addFile, addImage, emptyContent } from '../fakes/memory-content.ts'

/** A catalog as a bundle could have it: few names and few contents, so that several of them meet. */
const catalogs: fc.Arbitrary<Catalog> = fc
  .array(
    fc.record({
      repository: fc.constantFrom('a.example/x', 'a.example/y'),
      tag: fc.constantFrom('1', '2', undefined),
      content: fc.nat(4),
      referrer: fc.boolean(),
    }),
    { maxLength: 6 },
  )
  .map((items) => {
    const entries = new Map<string, CatalogEntry>()
    for (const { repository, tag, content } of items) {
      const descriptor = descriptorOf(content)
      const name = tag === undefined ? `${repository}@${descriptor.digest}` : `${repository}:${tag}`
      const entry = { kind: 'image', name, repository, descriptor, pinned: false } as const
      entries.set(name, { ...entry, ...(tag !== undefined && { tag }) })
    }
    const sorted = [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const withReferrer = new Set<string>(items.filter(({ referrer }) => referrer).map(({ repository }) => repository))
    const names = new Set(sorted.map(({ repository }) => repository))
    return {
      entries: sorted,
      repositories: new Map([...names].map((name) => [name, repositoryOf(name, sorted, withReferrer.has(name))])),
    }
  })

function descriptorOf(content: number): Descriptor {
  return { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(`content ${content}`), size: 9 }
}

function repositoryOf(name: string, entries: readonly CatalogEntry[], referrer: boolean): CatalogRepository {
  const own = entries.filter(({ repository }) => repository === name)
  const documents = new Map(own.map(({ descriptor }) => [descriptor.digest, descriptor]))
  return {
    tags: new Map(own.flatMap(({ tag, descriptor }) => (tag === undefined ? [] : [[tag, descriptor]]))),
    documents,
    blobs: new Map(
      [...documents.keys()].map((digest) => [digestOf(digest), { ...descriptorOf(0), digest: digestOf(digest) }]),
    ),
    referrers: new Map(
      referrer
        ? [[digestOf('subject'), [...documents.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))]]
        : [],
    ),
  }
}

const lists = fc.array(catalogs, { maxLength: 4 })

/** Every [repository, key] of a part of the repositories. */
function keysOf(catalog: Catalog, part: 'tags' | 'documents' | 'blobs' | 'referrers'): string[] {
  return [...catalog.repositories].flatMap(([name, repository]) =>
    [...repository[part].keys()].map((key) => `${name} ${key}`),
  )
}

describe('the union of catalogs', () => {
  it('has every tag, document, blob and referrer of all of them, and no other', () => {
    fc.assert(
      fc.property(lists, (all) => {
        const united = uniteCatalogs(all)
        for (const part of ['tags', 'documents', 'blobs', 'referrers'] as const)
          expect(new Set(keysOf(united, part))).toEqual(new Set(all.flatMap((one) => keysOf(one, part))))
        for (const [name, { referrers }] of united.repositories)
          for (const [subject, list] of referrers)
            expect(list.map(({ digest }) => digest)).toEqual(
              [
                ...new Set(
                  all.flatMap(
                    (one) =>
                      one.repositories
                        .get(name)
                        ?.referrers.get(subject)
                        ?.map(({ digest }) => digest) ?? [],
                  ),
                ),
              ].toSorted(),
            )
      }),
    )
  })

  it('a tag stands for what the first catalog that has it says', () => {
    fc.assert(
      fc.property(lists, (all) => {
        for (const [name, { tags }] of uniteCatalogs(all).repositories)
          for (const [tag, descriptor] of tags) {
            const first = all.find((one) => one.repositories.get(name)?.tags.has(tag))
            expect(descriptor).toEqual(first?.repositories.get(name)?.tags.get(tag))
          }
      }),
    )
  })

  it('lists each name once, sorted, and only under a tag that stands for it', () => {
    fc.assert(
      fc.property(lists, (all) => {
        const { entries, repositories } = uniteCatalogs(all)
        const names = entries.map(({ name }) => name)
        expect(names).toEqual([...new Set(names)].toSorted())
        for (const { repository, tag, descriptor } of entries) {
          const own = repositories.get(repository)
          expect(own?.documents.has(descriptor.digest)).toBe(true)
          if (tag !== undefined) expect(own?.tags.get(tag)?.digest).toBe(descriptor.digest)
        }
      }),
    )
  })

  it('is the same when a catalog is added to itself, and the same in one step as in two', () => {
    fc.assert(
      fc.property(catalogs, catalogs, catalogs, (a, b, c) => {
        expect(uniteCatalogs([a, a])).toEqual(a)
        expect(uniteCatalogs([uniteCatalogs([a, b]), c])).toEqual(uniteCatalogs([a, b, c]))
      }),
    )
  })
})

describe('bundles on a shelf', () => {
  it('the highest sequence decides what a tag is, in whatever order they are put there', async () => {
    const [older, newer] = [emptyContent(), emptyContent()]
    addImage(older, 'a.example/x:1', { layers: [Buffer.from('older')] })
    const wanted = addImage(newer, 'a.example/x:1', { layers: [Buffer.from('newer')] })
    const bundles = await Promise.all([
      openMemoryBundle(older, { predicate: { sequence: 9 } }),
      openMemoryBundle(newer, { predicate: { sequence: 10, issuedAt: '2026-02-01T00:00:00Z' } }),
    ])
    for (const order of [bundles, bundles.toReversed()]) {
      const { catalog } = buildShelf(order)
      expect(catalog.repositories.get('a.example/x')?.tags.get('1')?.digest).toBe(wanted.digest)
      expect(catalog.entries.map(({ descriptor }) => descriptor.digest)).toEqual([wanted.digest])
    }
  })

  it('everything of the older one can still be had by digest', async () => {
    const [older, newer] = [emptyContent(), emptyContent()]
    const old = addImage(older, 'a.example/x:1', { layers: [Buffer.from('older')] })
    addFile(older, 'kubeadm', Buffer.from('binary'), 'linux/amd64')
    addImage(newer, 'a.example/x:1', { layers: [Buffer.from('newer')] })
    const attached = addAttached(newer, 'a.example/x', {
      subject: old,
      artifactType: 'a/b',
      bytes: Buffer.from('sbom'),
    })
    const shelf = buildShelf([
      await openMemoryBundle(older),
      await openMemoryBundle(newer, { predicate: { sequence: 2 } }),
    ])
    const repository = shelf.catalog.repositories.get('a.example/x')
    expect(repository?.documents.has(old.digest)).toBe(true)
    expect(repository?.referrers.get(old.digest)?.map(({ digest }) => digest)).toEqual([attached.digest])
    expect(digestOf(shelf.document(old.digest) ?? '')).toBe(old.digest)
    expect(shelf.copiesOf(digestOf('older'))).toHaveLength(1)
    expect(shelf.catalog.repositories.has('files/kubeadm')).toBe(true)
  })

  it('a blob that both have is looked for in the newer one first', async () => {
    const content = emptyContent()
    addImage(content, 'a.example/x:1', { layers: [Buffer.from('shared')] })
    const older = await openMemoryBundle(content, { file: { name: 'older.tar' } })
    const newer = await openMemoryBundle(content, { predicate: { sequence: 2 }, file: { name: 'newer.tar' } })
    const copies = buildShelf([older, newer]).copiesOf(digestOf('shared'))
    expect(copies.map(({ file }) => file.name)).toEqual(['newer.tar', 'older.tar'])
  })
})
