import { Asks } from "./asks.ts";
import { Election } from "./election.ts";
import type { Lead } from "./lead.ts";
import type { Batch, Command, Talk } from "./talk.ts";
import { type Channel, within, type World } from "./world.ts";

const LATE_MS = 1_500; // after the time of its retry a leader that is not looked at is woken
const SAVE_MS = 500;

export interface MemberOptions {
  /** Of the lock and the channel: the user's, so that a browser's users are apart. */
  name: string;
  world: World;
  newKey(): string;
  newLead(id: string, tell: (batch: Batch) => void): Lead;
  /** Whether this tab leads is another than before. */
  changed(): void;
  /**
   * What all tabs are told, in order, from one leader after the other. All up to `done` of
   * what was asked was done; a leader that came has not heard any of it.
   */
  learned(batch: Batch, done: number | undefined): void;
  /** A leader came: of what was asked, this may not be done. */
  came(again: readonly Command[]): void;
  /** Somebody signed out in another tab. */
  erased(): void;
}

/** A tab among the tabs of its user: one of them leads, the others ask it and hear of it. */
export class Member {
  readonly asks: Asks;
  #id: string;
  #channel: Channel | undefined;
  #election: Election;
  #lead: Lead | undefined;
  #leader = ""; // whose batches are believed
  #stranger = ""; // whose were not
  #lateAt = 0;
  #saving = new Map<number, () => void>();

  constructor(private readonly options: MemberOptions) {
    const { world, name } = options;
    this.#id = options.newKey();
    this.asks = new Asks(
      world,
      (n, command) => {
        if (this.#lead) this.#lead.do(this.#id, n, command);
        else this.#say({ type: "do", from: this.#id, n, command });
      },
      () => {
        if (!this.#lead && this.#channel) this.#election.stand(true);
      },
    );
    const reign = () => this.#reign();
    this.#election = new Election(this.#locks, name, reign, () => {
      this.#replaced();
      this.asks.ask({ do: "hello" });
    });
  }

  get lead(): Lead | undefined {
    return this.#lead;
  }

  join(): void {
    const { world, name } = this.options;
    this.#channel = this.#locks && world.channel?.(name);
    this.#channel?.addEventListener("message", ({ data }) => {
      this.#hear(data as Talk);
    });
    this.#election.stand();
    this.asks.ask({ do: "hello" });
  }

  /** Steps down, and hears nothing any more; fulfilled when all is written. */
  async leave(): Promise<void> {
    this.#election.withdraw();
    const ended = this.#abdicate();
    this.#channel?.close();
    this.#channel = undefined;
    this.#leader = ""; // what is asked from here on no leader hears: it is to be asked again
    await ended;
  }

  /** Says to the others that somebody signed out. */
  sayErased(): void {
    this.#say({ type: "erased" });
  }

  /** Fulfilled when the leader has written what it knows, or does not answer. */
  async saved(): Promise<void> {
    if (this.#lead) return this.#lead.save();
    if (!this.#channel) return;
    const n = this.asks.number();
    const saved = new Promise<void>((resolve) => this.#saving.set(n, resolve));
    this.#say({ type: "save", from: this.#id, n });
    await within(SAVE_MS, this.options.world, saved);
    this.#saving.delete(n);
  }

  // Without both, as over plain http on a LAN, each tab leads itself, with its own connection.
  get #locks(): World["locks"] {
    const { locks, channel } = this.options.world;
    return channel && locks;
  }

  async #reign(): Promise<void> {
    const key = this.options.newKey();
    const id = key > this.#leader ? key : `${this.#leader}+`; // the clock may have been set back
    const lead = this.options.newLead(id, (batch) => {
      this.#say(batch);
      this.#learn(batch);
    });
    this.#lead = lead;
    this.options.changed();
    void lead.open();
    await lead.ended; // which may be before it is open
  }

  #replaced(): void {
    this.#lead?.abandon(); // what it would write is old
    void this.#abdicate();
  }

  async #abdicate(): Promise<void> {
    const lead = this.#lead;
    this.#lead = undefined;
    this.options.changed();
    await lead?.close();
  }

  #say(talk: Talk): void {
    this.#channel?.postMessage(talk);
  }

  #hear(talk: Talk): void {
    switch (talk.type) {
      case "batch":
        if (this.#lead && talk.leader > this.#lead.id) this.#replaced(); // heard before the lock said so
        if (!this.#lead) this.#learn(talk);
        break;
      case "do":
        this.#lead?.do(talk.from, talk.n, talk.command);
        break;
      case "save":
        void this.#lead?.save().then(() => {
          this.#say({ type: "saved", to: talk.from, n: talk.n });
        });
        break;
      case "saved":
        if (talk.to === this.#id) this.#saving.get(talk.n)?.();
        break;
      case "erased":
        this.options.erased();
        break;
    }
  }

  #learn(batch: Batch): void {
    if (batch.leader < this.#leader) return; // it hung, and does not know that it was replaced
    const came = batch.leader !== this.#leader;
    if (came && !batch.whole) {
      // Its first was missed: before this page was there, or while it was away.
      if (this.#stranger !== batch.leader) this.asks.ask({ do: "hello" });
      this.#stranger = batch.leader;
      return;
    }
    this.#leader = batch.leader;
    this.asks.heard();
    // All is asked again, under new numbers: the leader may have heard some of it before we
    // heard of the leader, and would take what is older for done.
    const again = came ? this.asks.take() : [];
    const done = came ? undefined : (batch.done[this.#id] ?? 0);
    this.asks.done(done ?? 0);
    this.options.learned(batch, done);
    if (came) this.options.came(again);
    this.#wakeLate(batch);
  }

  // The timers of a leader that is not looked at come late; what it hears does not.
  #wakeLate({ line: { retryAt } }: Batch): void {
    if (this.#lead || retryAt === this.#lateAt) return;
    this.#lateAt = retryAt ?? 0;
    if (retryAt === undefined) return;
    const { world } = this.options;
    world.net.setTimeout(
      () => {
        if (this.#lateAt === retryAt && !this.#lead && world.visible()) this.asks.ask({ do: "wake" });
      },
      Math.max(0, retryAt - world.net.now()) + LATE_MS,
    );
  }
}
