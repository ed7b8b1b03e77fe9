import { type RefObject, useLayoutEffect, useRef } from "react";

/** A field that grows with its text, also in browsers that do not know `field-sizing`. */
export function useGrowing(text: string): RefObject<HTMLTextAreaElement | null> {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const f = field.current;
    if (!f || CSS.supports("field-sizing", "content")) return;
    f.style.height = "auto";
    f.style.height = `${f.scrollHeight + f.offsetHeight - f.clientHeight}px`;
  }, [text]);
  return field;
}
