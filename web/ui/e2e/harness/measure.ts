import type { Page } from "playwright-core";

/** What a page has measured of itself since it began to load. */
export interface Measured {
  /** Milliseconds until something was painted. */
  paint: number | undefined;
  /** Cumulative layout shift that no input caused. */
  shift: number;
  /** What was shifted, and by how much of the screen. */
  shifted: string[];
  /** Milliseconds of each task of 50 ms or more. */
  longTasks: number[];
  /** Milliseconds from each interaction to the next paint; those below 16 ms are not told. */
  interactions: number[];
}

declare global {
  interface Window {
    measured: Measured;
  }
}

/** Makes a page measure itself from its next load on. */
export function measure(page: Page) {
  return page.addInitScript(() => {
    const measured: Measured = { paint: undefined, shift: 0, shifted: [], longTasks: [], interactions: [] };
    window.measured = measured;
    const observe = (type: string, note: (e: PerformanceEntry) => void, options: object = {}) => {
      new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({
        type,
        buffered: true,
        ...options,
      });
    };
    observe("paint", (e) => {
      if (e.name === "first-contentful-paint") measured.paint = e.startTime;
    });
    observe("layout-shift", (e) => {
      const { value, hadRecentInput, sources } = e as PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
        sources: { node: Node | null; previousRect: DOMRect; currentRect: DOMRect }[];
      };
      if (hadRecentInput) return;
      measured.shift += value;
      for (const { node, previousRect: from, currentRect: to } of sources)
        measured.shifted.push(
          `${value.toFixed(4)} at ${Math.round(e.startTime)} ms: ${node instanceof Element ? node.outerHTML.slice(0, 150) : String(node?.textContent)} ` +
            `from ${from.x},${from.y} ${from.width}×${from.height} to ${to.x},${to.y} ${to.width}×${to.height}`,
        );
    });
    observe("longtask", (e) => measured.longTasks.push(e.duration));
    observe(
      "event",
      (e) => {
        if ((e as PerformanceEntry & { interactionId: number }).interactionId)
          measured.interactions.push(e.duration);
      },
      { durationThreshold: 16 },
    );
  });
}

export const measured = (page: Page) => page.evaluate(() => window.measured);

export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * p) / 100) - 1] ?? 0;
}
