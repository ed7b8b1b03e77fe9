import { text } from "../i18n/i18n.ts";

/** Why one has to sign in again, and what waits for it. */
export function endedText(why: "app.ended.session" | "app.ended.otherUser", unsent: number): string {
  return unsent > 0 ? `${text(why)} ${text("app.ended.unsent", { count: unsent })}` : text(why);
}
