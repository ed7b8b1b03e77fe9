import { text } from "../i18n/i18n.ts";
import { plain } from "../markdown/plain.ts";
import { roomPath } from "../rooms/path.ts";
import { keep, kept } from "../store/kept.ts";
import type { Notice } from "./news.ts";

const KEPT = "confab.notify";
const listeners = new Set<() => void>();

/** Whether there are notifications here: off, on, forbidden in the browser's settings, or none at all. */
export type Permission = "off" | "on" | "blocked" | "none";

export function permission(): Permission {
  if (typeof Notification === "undefined") return "none";
  if (Notification.permission === "denied") return "blocked";
  return Notification.permission === "granted" && kept(KEPT) === "on" ? "on" : "off";
}

export function onPermission(f: () => void): () => void {
  listeners.add(f);
  addEventListener("storage", f); // another tab changed it
  return () => {
    listeners.delete(f);
    removeEventListener("storage", f);
  };
}

/** Only in answer to a click: browsers refuse to ask otherwise, and people refuse too. */
export async function switchNotifications(on: boolean): Promise<void> {
  if (on) await Notification.requestPermission();
  keep(KEPT, on ? "on" : "off");
  for (const f of listeners) f();
}

/** Shows what came to a room, in place of what was shown of it before. */
export async function show({ room, last, count }: Notice, name: string): Promise<void> {
  const url = roomPath(room, last.seq);
  const body = count > 1 ? text("notify.unread", { count }) : `${last.actor.name}: ${plain(last.body)}`;
  const options = { body, tag: room, data: url, icon: "/icon-192.png" };
  const registration = await worker();
  // Phones let only service workers show any.
  if (registration) await registration.showNotification(name, options);
  else
    new Notification(name, options).onclick = () => {
      focus();
      dispatchEvent(new CustomEvent("confab:open", { detail: url }));
    };
}

/** Takes away what is shown of rooms that were read meanwhile. */
export async function hide(read: (room: string) => boolean): Promise<void> {
  const registration = await worker();
  for (const n of (await registration?.getNotifications()) ?? []) if (read(n.tag)) n.close();
}

async function worker(): Promise<ServiceWorkerRegistration | undefined> {
  if (!("serviceWorker" in navigator)) return undefined;
  const registration = await navigator.serviceWorker.getRegistration();
  return registration?.active ? registration : undefined;
}

/** Calls with the path of a notification that was clicked. */
export function onOpen(f: (path: string) => void): () => void {
  const page = (e: Event) => {
    f((e as CustomEvent<string>).detail);
  };
  const fromWorker = ({ data }: MessageEvent) => {
    const open = (data as { open?: unknown } | null)?.open;
    if (typeof open === "string" && open.startsWith("/rooms/")) f(open);
  };
  const workers = "serviceWorker" in navigator ? navigator.serviceWorker : undefined;
  addEventListener("confab:open", page);
  workers?.addEventListener("message", fromWorker);
  return () => {
    removeEventListener("confab:open", page);
    workers?.removeEventListener("message", fromWorker);
  };
}
