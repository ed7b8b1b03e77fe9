import { createContext, useContext } from "react";
import type { Live } from "../live/live.ts";

export const LiveContext = createContext<Live | undefined>(undefined);

/** The live side of who is signed in. Only below <SignedIn>. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error("useLive outside of SignedIn");
  return live;
}
