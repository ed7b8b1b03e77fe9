import { memo } from "react";

/** The body of a message. */
export const Markdown = memo(({ text }: { text: string }) => (
  <p className="break-words whitespace-pre-wrap">{text}</p>
));
