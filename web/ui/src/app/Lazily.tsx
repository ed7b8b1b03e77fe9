import { Component, type ReactNode, Suspense } from "react";
import { text } from "../i18n/i18n.ts";
import { Button } from "./ui.tsx";

interface LazilyProps {
  children: ReactNode;
  /** Shown meanwhile. */
  fallback?: ReactNode;
}

/** Parts that are loaded when they are needed, and may fail to load. */
export class Lazily extends Component<LazilyProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (this.state.failed)
      return (
        <div role="alert" className="p-4">
          <p className="mb-2">{text("app.notLoaded")}</p>
          <Button onClick={() => location.reload()}>{text("app.reload")}</Button>
        </div>
      );
    return <Suspense fallback={this.props.fallback}>{this.props.children}</Suspense>;
  }
}

const RELOADED = "confab.reloaded";

/**
 * A part that cannot be loaded belongs to an older version of the app, as a rule: the new
 * one is loaded instead, once in a while at most.
 */
export function reloadForNewVersion(): void {
  addEventListener("vite:preloadError", () => {
    try {
      const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
      if (!navigator.onLine || Date.now() - last < 60_000) return;
      sessionStorage.setItem(RELOADED, String(Date.now()));
    } catch {
      return; // without a memory it might reload for ever
    }
    location.reload();
  });
}
