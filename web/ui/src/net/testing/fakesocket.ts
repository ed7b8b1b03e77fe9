import type { Environment, WebSocketLike } from "../environment.ts";

type Listener<E> = (e: E) => void;

/** A WebSocket of which the test holds the other end. */
export class FakeSocket implements WebSocketLike {
  readonly sent: Record<string, unknown>[] = [];
  closed = false; // by the client
  #gone = false;
  #message: Listener<{ data: unknown }> = () => undefined;
  #error: () => void = () => undefined;
  #close: Listener<{ code: number; reason: string }> = () => undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[],
    private readonly received: (frame: Record<string, unknown>) => void = () => undefined,
  ) {}

  send(data: string): void {
    const frame = JSON.parse(data) as Record<string, unknown>;
    this.sent.push(frame);
    if (!this.#gone) this.received(frame);
  }

  close(): void {
    this.closed = true;
    this.#gone = true;
  }

  addEventListener(type: string, listener: unknown): void {
    if (type === "message") this.#message = listener as Listener<{ data: unknown }>;
    else if (type === "error") this.#error = listener as () => void;
    else this.#close = listener as Listener<{ code: number; reason: string }>;
  }

  /** A frame arrives, even after the end: an object as JSON, a string as it is. */
  says(frame: object | string): void {
    this.#message({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  /** The connection is over. */
  ends(code: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#close({ code, reason: "" });
  }

  /** The handshake failed, and no close follows. */
  fails(): void {
    this.#error();
  }

  /** The newest frame of a type that the client sent. */
  last(type: string): Record<string, unknown> | undefined {
    return this.sent.findLast((f) => f.type === type);
  }
}

/** The network of a test: all sockets that were opened. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];

  constructor(private readonly random = () => 0.5) {}

  readonly environment: Partial<Environment> = {
    openWebSocket: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      this.sockets.push(socket);
      return socket;
    },
    random: () => this.random(),
  };

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  /** The newest socket, welcomed. */
  welcomed(user = "u1"): FakeSocket {
    this.socket.says({
      type: "welcome",
      user: { id: user, name: user },
      node: "n1",
      ping_ms: 1000,
      max_body: 100,
    });
    return this.socket;
  }
}
