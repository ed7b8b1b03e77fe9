import type { FakeSocket } from "../../net/testing/fakesocket.ts";
import { FakeNetwork } from "../../net/testing/fakesocket.ts";

/** A message of somebody in a room, as a frame. */
export function event(seq: number, { actor = "u2", key = `k${seq}`, room = "R" } = {}): object {
  return {
    type: "event",
    room,
    seq,
    event: {
      kind: "message.posted",
      id: `i${seq}`,
      at: "2026-11-24T06:00:00.123Z",
      actor: { id: actor, name: actor },
      key,
      body: `body ${seq}`,
    },
  };
}

/** A network of which the test says what comes, frame by frame. */
export class ScriptedNetwork extends FakeNetwork {
  readonly open = (url: string, protocols: string[]) => {
    const { openWebSocket } = this.environment;
    if (!openWebSocket) throw new Error("a network opens sockets");
    return openWebSocket(url, protocols);
  };

  /** The newest subscribe frame of a room. */
  asked(room = "R"): Record<string, unknown> | undefined {
    return this.socket.sent.findLast((f) => f.type === "subscribe" && f.room === room);
  }

  subscribed(head: number, room = "R", epoch = "E"): void {
    this.socket.says({ type: "subscribed", id: this.asked(room)?.id, room, epoch, head });
  }

  events(from: number, to: number, of: Parameters<typeof event>[1] = {}): void {
    for (let seq = from; seq <= to; seq++) this.socket.says(event(seq, of));
  }

  /** Everything after what was asked for, up to the head, and that it was all. */
  serves(head: number, room = "R", epoch = "E"): FakeSocket {
    this.subscribed(head, room, epoch);
    this.events(Number(this.asked(room)?.after) + 1, head, { room });
    this.socket.says({ type: "caught_up", room, seq: head });
    return this.socket;
  }

  /** Acks the newest message that was sent. */
  acks(seq: number): void {
    const send = this.socket.last("send");
    this.socket.says({ type: "ack", id: send?.id, room: send?.room, seq, at: "" });
  }
}
