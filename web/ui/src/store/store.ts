import { configureStore } from "@reduxjs/toolkit";
import { useDispatch, useSelector } from "react-redux";
import { timeline } from "../timeline/slice.ts";
import { api } from "./api.ts";
import { live } from "./live.ts";

export function newStore() {
  return configureStore({
    reducer: {
      [api.reducerPath]: api.reducer,
      live: live.reducer,
      timeline: timeline.reducer,
    },
    middleware: (defaults) =>
      // The checks walk the whole state at each action, also in development: 50 a second.
      defaults({ serializableCheck: false, immutableCheck: false }).concat(api.middleware),
  });
}

export type Store = ReturnType<typeof newStore>;
export type State = ReturnType<Store["getState"]>;
export type Dispatch = Store["dispatch"];

export const useStoreDispatch = useDispatch.withTypes<Dispatch>();
export const useStore = useSelector.withTypes<State>();
