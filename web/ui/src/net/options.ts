import type { Answer } from "./connection.ts";
import type { Environment } from "./environment.ts";
import type { Ack, Welcome } from "./frames.ts";
import type { Message, Store } from "./store.ts";
import type { Violation } from "./subscription.ts";

/** Why a socket does not come back: its owner closed it, or it would not help. */
export type Ended = "closed" | "session ended" | "forbidden" | "protocol violated" | "other user";

// The close codes after which coming back unchanged does not help (rule 5).
export const FINAL: Partial<Record<number, Ended>> = {
  4001: "session ended",
  4003: "forbidden",
  4009: "protocol violated",
};

export type SocketState =
  | { status: "connecting" }
  | { status: "open"; welcome: Welcome }
  | { status: "waiting"; until: number } // milliseconds since 1970: then it tries again
  | { status: "ended"; why: Ended };

export interface SocketOptions {
  /** ws://host/ws or wss://host/ws */
  url: string;
  /** The session's token; without one the browser's cookie says who we are. */
  token?: string;
  /** The id that must be welcomed, so that nobody's messages go out in another's name. */
  user?: string;
  /** Told of every change of state. */
  state?(state: SocketState): void;
  /** Told when the server broke rule 1. It heals by itself; count it. */
  violated?(violation: Violation): void;
  /**
   * Asked when a handshake failed, since a browser does not tell why: GET /me answers 401
   * when the session has ended. If it fails, the answer is taken for no.
   */
  sessionEnded?(): Promise<boolean>;
  environment?: Partial<Environment>;
}

/** What an outbox needs of a Socket. */
export interface Line {
  readonly environment: Environment;
  post(message: Message, answer: Answer): boolean;
  onOpen(f: () => void): () => void;
}

export interface OutboxOptions {
  line: Line;
  store: Store;
  /** Told when `messages` is another list than before. */
  changed?(): void;
  /** Told when a message has got its seq; it has left the outbox. */
  sent?(message: Message, ack: Ack): void;
  /** Told when the store did not keep or remove something. Messages go out nevertheless. */
  storeFailed?(err: unknown): void;
}
