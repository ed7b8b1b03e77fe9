import { useEffect } from "react";
import type { User } from "../net/index.ts";
import { problem, useMeQuery } from "../store/api.ts";
import { forgetUser, rememberedUser, rememberUser } from "./remembered.ts";

export type Session = { is: "asked" } | { is: "out" } | { is: "in"; user: User } | { is: "unknown" };

/** Who is signed in. Without the server, it is who was signed in last in this browser. */
export function useSession(): Session {
  const { data, error } = useMeQuery(undefined, { refetchOnReconnect: true });
  const user = data?.user;
  useEffect(() => {
    if (user && !error) rememberUser(user);
    if (error && problem(error).code === "unauthenticated") forgetUser();
  }, [user, error]);
  if (error) {
    if (problem(error).code === "unauthenticated") return { is: "out" };
    const last = user ?? rememberedUser();
    return last ? { is: "in", user: last } : { is: "unknown" };
  }
  return user ? { is: "in", user } : { is: "asked" };
}
