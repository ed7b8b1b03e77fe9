/** Where the servers are, and what may be done to them (browsercontrol_test.go). */

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run the tests by make e2e`);
  return value;
}

export const server = env("CONFAB_E2E_URL");
export const mode = env("CONFAB_E2E_MODE");
const control = env("CONFAB_E2E_CONTROL");

async function ask(path: string, init: RequestInit = { method: "POST" }): Promise<string> {
  const answer = await fetch(control + path, init);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text;
}

/** The URLs of the servers themselves, behind the proxy if there is one. */
export const servers = async () => JSON.parse(await ask("/servers", {})) as string[];
/** SIGKILL. */
export const kill = (n = 0) => ask(`/kill?server=${n}`);
/** SIGTERM; returns when it has ended. */
export const stop = (n = 0) => ask(`/stop?server=${n}`);
/** Returns when it is ready again. */
export const start = (n = 0) => ask(`/start?server=${n}`);

/** Is shown at the end of the Go test. */
export const figure = (name: string, value: string) =>
  ask("/figure", { method: "POST", body: JSON.stringify({ name, value }) });

/** The sum of a metric over the servers. */
export async function metric(name: string): Promise<number> {
  let sum = 0;
  for (const url of await servers()) {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const line of text.split("\n"))
      if (line.startsWith(name + " ") || line.startsWith(name + "{")) sum += Number(line.split(" ").at(-1));
  }
  return sum;
}

/** What the Go test has written into the store of the embedded mode (testdata/rooms). */
export const rooms = () =>
  JSON.parse(env("CONFAB_E2E_ROOMS")) as {
    big: string;
    bigHead: number;
    rooms: Record<string, string>;
    tokens: Record<string, string>;
  };
