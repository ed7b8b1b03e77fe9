import { createApi, fetchBaseQuery, type FetchBaseQueryError } from "@reduxjs/toolkit/query/react";
import type { User } from "../net/index.ts";

export type Visibility = "public" | "private";

/** A room as `GET /rooms` lists it; `role`, `epoch` come with a single room only. */
export interface Room {
  id: string;
  name: string;
  visibility: Visibility;
  head: number;
  member: boolean;
  role?: string;
  epoch?: string;
}
export interface Member {
  user: User;
  role: string;
}
export interface Session {
  id: string;
  created_at: string;
  expires_at: string;
  user_agent: string;
  current: boolean;
}
export interface Me {
  user: User;
  session: Session;
}
export interface EventsPage {
  events: unknown[]; // net's decodeEvent reads them
  head: number;
  more: boolean;
}

/** What the server says when it did not do something (RFC 9457). */
export interface Problem {
  code: string;
  detail: string;
  retry_after_ms?: number;
}

/** The problem of a failed call; `unreachable` when there was no answer from Confab. */
export function problem(error: unknown): Problem {
  const data = (error as FetchBaseQueryError | undefined)?.data;
  const p = data as Partial<Problem> | undefined;
  if (typeof p?.code === "string" && typeof p.detail === "string") return p as Problem;
  return { code: "unreachable", detail: "" };
}

const path = encodeURIComponent;

/** The REST side of the contract (web/openapi.yaml). */
export const api = createApi({
  baseQuery: fetchBaseQuery({
    baseUrl: "/api/v1",
    // The errors are problem+json, which the default does not read as JSON.
    responseHandler: async (r) => (r.status === 204 ? null : (JSON.parse(await r.text()) as unknown)),
  }),
  tagTypes: ["Me", "Rooms", "Members", "Sessions"],
  endpoints: (b) => ({
    me: b.query<Me, undefined>({ query: () => "/me", providesTags: ["Me"] }),
    signUp: b.mutation<{ user: User }, { name: string; password: string }>({
      query: (body) => ({ url: "/users", method: "POST", body }),
    }),
    signIn: b.mutation<{ user: User }, { name: string; password: string }>({
      query: (body) => ({ url: "/sessions", method: "POST", body }),
    }),
    signInGuest: b.mutation<{ user: User }, { name: string }>({
      query: (body) => ({ url: "/sessions/guest", method: "POST", body }),
    }),
    endSession: b.mutation<null, string>({
      query: (id) => ({ url: `/sessions/${path(id)}`, method: "DELETE" }),
      invalidatesTags: ["Sessions"],
    }),
    sessions: b.query<{ sessions: Session[] }, undefined>({
      query: () => "/sessions",
      providesTags: ["Sessions"],
    }),

    /** All of the caller's rooms and the public ones: the pages of the list, put together. */
    rooms: b.query<Room[], undefined>({
      async queryFn(_arg, _api, _extra, ask) {
        const rooms: Room[] = [];
        let cursor = "";
        do {
          const answer = await ask(`/rooms?limit=200${cursor && `&cursor=${path(cursor)}`}`);
          if (answer.error) return { error: answer.error };
          const page = answer.data as { rooms: Room[]; next: string };
          rooms.push(...page.rooms);
          cursor = page.next;
        } while (cursor);
        return { data: rooms };
      },
      providesTags: ["Rooms"],
    }),
    room: b.query<{ room: Room }, string>({
      query: (room) => `/rooms/${path(room)}`,
      providesTags: ["Rooms"],
    }),
    createRoom: b.mutation<{ room: Room }, { name: string; visibility: Visibility; key: string }>({
      query: ({ key, ...body }) => ({
        url: "/rooms",
        method: "POST",
        body,
        headers: { "Idempotency-Key": key },
      }),
      invalidatesTags: ["Rooms"],
    }),
    join: b.mutation<null, { room: string; user?: string }>({
      query: ({ room, user = "me" }) => ({
        url: `/rooms/${path(room)}/members/${path(user)}`,
        method: "PUT",
      }),
      invalidatesTags: (_r, _e, { room }) => ["Rooms", { type: "Members", id: room }],
    }),
    leave: b.mutation<null, { room: string; user?: string }>({
      query: ({ room, user = "me" }) => ({
        url: `/rooms/${path(room)}/members/${path(user)}`,
        method: "DELETE",
      }),
      invalidatesTags: (_r, _e, { room }) => ["Rooms", { type: "Members", id: room }],
    }),
    members: b.query<{ members: Member[] }, string>({
      query: (room) => `/rooms/${path(room)}/members`,
      providesTags: (_r, _e, room) => [{ type: "Members", id: room }],
    }),

    /** A page of events in seq order: those after `after`. The timeline keeps them, not the cache. */
    events: b.query<EventsPage, { room: string; after: number; limit: number }>({
      query: ({ room, after, limit }) => `/rooms/${path(room)}/events?after=${after}&limit=${limit}`,
      keepUnusedDataFor: 0,
    }),
  }),
});

export const {
  useMeQuery,
  useSignUpMutation,
  useSignInMutation,
  useSignInGuestMutation,
  useEndSessionMutation,
  useSessionsQuery,
  useRoomsQuery,
  useRoomQuery,
  useCreateRoomMutation,
  useJoinMutation,
  useLeaveMutation,
  useMembersQuery,
} = api;
