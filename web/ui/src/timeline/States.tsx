import { useText } from "../i18n/i18n.ts";
import type { Key } from "../i18n/en.ts";

/** Says that something did not load. As high as what it stands for. */
export function Again({ says, again }: { says: Key; again: () => void }) {
  const text = useText();
  return (
    <div role="alert" className="flex h-12 items-center justify-center gap-2 text-sm text-muted">
      {text(says)}
      <button
        type="button"
        onClick={again}
        className="min-h-8 rounded border border-line bg-raised px-3 text-text hover:bg-hover"
      >
        {text("timeline.again")}
      </button>
    </div>
  );
}

/** As high as `Again`, so that nothing moves when the page has come. */
export function Loading() {
  const text = useText();
  return <div className="grid h-12 place-items-center text-sm text-muted">{text("timeline.loading")}</div>;
}

interface OpeningProps {
  failed: boolean;
  /** Nothing is shown meanwhile. */
  empty: boolean;
  again: () => void;
}

/** Over the log while it begins. */
export function Opening({ failed, empty, again }: OpeningProps) {
  return (
    <div className={`absolute inset-x-0 bottom-0 bg-ground ${empty ? "" : "border-t border-line"}`}>
      {failed ? <Again says="timeline.openFailed" again={again} /> : <Loading />}
    </div>
  );
}
