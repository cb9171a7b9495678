import type { TextStream } from './renderer.ts'

/** The lines at the bottom of a terminal that change while work goes on. */
export interface LiveRegion {
  /** Takes the lines off the screen and leaves the cursor where they began. */
  close(): Promise<void>
}

const FRAME_MS = 100

/**
 * Opens a live region: a spinner in front of what `frame` returns, drawn anew ten times a second.
 * @param frame lines of at most `width` characters, styled or not; the first stands beside the spinner.
 */
export async function openLiveRegion(
  stream: TextStream,
  frame: (width: number) => readonly string[],
): Promise<LiveRegion> {
  const { Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput, Spinner } = await import('listr2')
  const drawFrame = (): string => frame((stream.columns || 80) - MARGIN).join('\n')
  let refresh: () => void = () => undefined
  class FrameSpinner extends Spinner {
    override start(draw?: () => void): void {
      super.start(() => {
        refresh()
        draw?.()
      }, FRAME_MS)
    }
  }
  const spinner = new FrameSpinner()
  // Listr captures what others write to its streams while it draws. Nobody else has this view of the stream: whoever
  // writes to the terminal closes the region first.
  const view = viewOf(stream)
  const rendererOptions = {
    clearOutput: true,
    formatOutput: 'truncate' as const,
    spinner,
    icon: { [ListrDefaultRendererLogLevels.WAITING]: spinner.fetch() },
    logger: new ListrLogger({ processOutput: new ProcessOutput(view, viewOf(stream), { leaveEmptyLine: false }) }),
  }
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const list = new Listr(
    [
      {
        title: drawFrame(),
        task: async (_, task) => {
          refresh = () => {
            task.title = drawFrame()
          }
          await ended
        },
      },
    ],
    // Listr looks at standard output to choose; the region may stand on standard error alone. Signals are main.ts's.
    {
      renderer: 'default',
      rendererOptions,
      fallbackRenderer: 'default',
      fallbackRendererOptions: rendererOptions,
      registerSignalListeners: false,
    },
  )
  const run = list.run()
  return {
    async close() {
      end()
      await run
    },
  }
}

/** Spinner and space in front, and Listr's own margin of two. */
const MARGIN = 4

function viewOf(stream: TextStream): NodeJS.WriteStream {
  const view = {
    isTTY: true,
    write: (text: string) => stream.write(text),
    get columns() {
      return stream.columns || 80
    },
    get rows() {
      return stream.rows ?? 24
    },
  }
  return view as unknown as NodeJS.WriteStream
}
