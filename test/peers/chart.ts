import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface ChartOptions {
  readonly name: string
  readonly version: string
  /** Image names its deployment runs, `host/repository:tag`. Default: one that does not exist. */
  readonly images?: readonly string[]
}

/** Writes a small chart that helm accepts into `parent/<name>` and returns that folder. */
export async function makeChart(parent: string, options: ChartOptions): Promise<string> {
  const { name, version, images = ['registry.example/team/app:1.0.0'] } = options
  const folder = join(parent, name)
  await mkdir(join(folder, 'templates'), { recursive: true })
  const files = {
    'Chart.yaml': `apiVersion: v2
name: ${name}
description: A chart made by a test
type: application
version: ${version}
appVersion: "1.0.0"
`,
    'values.yaml': `replicas: 2
images:
${images.map((image) => `  - ${image}\n`).join('')}`,
    'templates/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-${name}
  labels:
    app.kubernetes.io/name: ${name}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      app.kubernetes.io/name: ${name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: ${name}
    spec:
      containers:
        {{- range $index, $image := .Values.images }}
        - name: container-{{ $index }}
          image: {{ $image | quote }}
        {{- end }}
`,
    'templates/NOTES.txt': '{{ .Release.Name }} is on its way.\n',
    '.helmignore': '*.swp\n.git/\n',
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text)
  return folder
}
