// In this order: each browser names those that it descends from, too.
const browsers: [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(HeadlessChrome|Chrome|CriOS|Chromium)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const systems: [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

export interface Device {
  browser: string | undefined;
  system: string | undefined;
}

/** A User-Agent in short words; of a program that is no browser, the name it gives itself. */
export function device(userAgent: string): Device {
  const named = (list: [RegExp, string][]) => list.find(([is]) => is.test(userAgent))?.[1];
  const program = userAgent.startsWith("Mozilla/") ? undefined : /^[^\s/(]+/.exec(userAgent)?.[0];
  return { browser: named(browsers) ?? program, system: named(systems) };
}
