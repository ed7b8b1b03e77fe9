import type { Sequenced } from "./live.ts";
import type { Room } from "./room.ts";

/** What happened since the tabs were told the last time. */
export class News {
  whole = false;
  readonly rooms = new Set<Room>();
  readonly gone = new Set<string>();
  readonly resets = new Set<string>();
  readonly events: Record<string, Sequenced[]> = {};
  readonly done: Record<string, number> = {};

  event(room: string, event: Sequenced): void {
    (this.events[room] ??= []).push(event);
  }

  changed(room: Room): void {
    this.rooms.add(room);
    this.gone.delete(room.kept.room);
  }

  forgotten(room: string): void {
    for (const r of this.rooms) if (r.kept.room === room) this.rooms.delete(r);
    Reflect.deleteProperty(this.events, room);
    this.gone.add(room);
  }

  reset(room: string): void {
    Reflect.deleteProperty(this.events, room);
    this.resets.add(room);
  }
}
