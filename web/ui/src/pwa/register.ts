interface Policy {
  createScriptURL(url: string): string;
}
interface Factory {
  createPolicy(name: string, rules: Policy): Policy;
}

const WORKER = "/sw.js";
const HOUR = 3_600_000;

/** Called when a newer version waits; `use` loads it. */
export type NewVersion = (use: () => void) => void;

let started = false;

/** Starts the service worker, once a page. Not where the app is developed: it would keep old files. */
export function startWorker(told: NewVersion): void {
  if (started || !import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  started = true;
  start(told).catch(() => undefined); // a browser that wants none: the app needs the network, then
}

async function start(told: NewVersion): Promise<void> {
  const workers = navigator.serviceWorker;
  const replacing = workers.controller !== null;
  const registration = await workers.register(script());
  // A page that was asked for before the worker started, and came after, is not among those it claimed.
  void workers.ready.then(({ active }) => {
    if (!workers.controller) active?.postMessage("claim");
  });
  const waits = () => {
    const { waiting } = registration;
    if (!waiting || !workers.controller) return;
    told(() => {
      workers.addEventListener(
        "controllerchange",
        () => {
          location.reload();
        },
        { once: true },
      );
      waiting.postMessage("activate");
    });
  };
  waits();
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", waits);
  });
  // Another tab took the new version: this one is of the old.
  workers.addEventListener("controllerchange", () => {
    if (replacing)
      told(() => {
        location.reload();
      });
  });
  // A page may be open for days.
  setInterval(() => void registration.update().catch(() => undefined), HOUR);
}

/** The one script URL that the app makes; the server's policy has it typed as trusted. */
function script(): string {
  const types = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  if (!types) return WORKER;
  const policy = types.createPolicy("confab", {
    createScriptURL(url) {
      if (url !== WORKER) throw new TypeError(`${url} is not our worker`);
      return url;
    },
  });
  return policy.createScriptURL(WORKER);
}
