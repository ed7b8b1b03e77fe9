import { useText } from "../i18n/i18n.ts";

/** How much may still be written: said from four fifths of the limit on. */
export function Limit({ id, used, limit }: { id: string; used: number; limit: number }) {
  const t = useText();
  const over = used > limit;
  return (
    <>
      {used >= limit * 0.8 && (
        <p id={id} className={`px-1 pt-1 text-sm ${over ? "font-medium text-danger" : "text-muted"}`}>
          {over ? t("composer.over", { count: used - limit }) : t("composer.left", { count: limit - used })}
        </p>
      )}
      {/* Once, not with each key. */}
      <p role="status" className="sr-only">
        {over && t("composer.tooLong")}
      </p>
    </>
  );
}
