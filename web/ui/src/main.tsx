import { setupListeners } from "@reduxjs/toolkit/query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";
import { App } from "./app/App.tsx";
import { reloadForNewVersion } from "./app/Lazily.tsx";
import { startTheme } from "./app/theme.ts";
import { newStore } from "./store/store.ts";
import "./styles.css";

startTheme();
reloadForNewVersion();
const root = document.getElementById("app");
if (!root) throw new Error("index.html has no #app");
const store = newStore();
setupListeners(store.dispatch); // what is shown is asked again on focus and when online
createRoot(root).render(
  <StrictMode>
    <Provider store={store}>
      <App />
    </Provider>
  </StrictMode>,
);
