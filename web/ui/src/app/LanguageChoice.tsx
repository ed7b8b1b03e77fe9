import { useId } from "react";
import { language, type Language, languages, setLanguage, useText } from "../i18n/i18n.ts";

export const selectClass = "min-h-9 rounded-md border border-line bg-raised px-2 py-1.5 text-sm text-text";

export function LanguageChoice() {
  const text = useText();
  const id = useId();
  return (
    <div className="flex items-center gap-3">
      <label htmlFor={id} className="min-w-24 text-sm text-muted">
        {text("app.language")}
      </label>
      <select
        id={id}
        className={selectClass}
        value={language()}
        onChange={(e) => setLanguage(e.target.value as Language)}
      >
        {Object.entries(languages).map(([code, name]) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
