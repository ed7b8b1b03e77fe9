import { type ComponentProps, type ReactNode, useId } from "react";

const button =
  "inline-flex min-h-9 items-center justify-center gap-2 rounded-md px-3 py-1.5 text-sm font-medium " +
  "disabled:cursor-default disabled:opacity-60 ";
const kinds = {
  primary: button + "bg-accent text-on-accent enabled:hover:brightness-110",
  quiet: button + "border border-line bg-raised text-text enabled:hover:bg-hover",
  danger: button + "border border-danger text-danger enabled:hover:bg-hover",
};

interface ButtonProps extends ComponentProps<"button"> {
  kind?: keyof typeof kinds;
}

export function Button({ kind = "quiet", className = "", type = "button", ...rest }: ButtonProps) {
  return <button type={type} className={`${kinds[kind]} ${className}`} {...rest} />;
}

interface IconButtonProps extends ComponentProps<"button"> {
  label: string;
}

/** A button that shows only an icon; its label is told and shown on hover. */
export function IconButton({ label, className = "", children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-9 shrink-0 items-center justify-center rounded-md text-muted enabled:hover:bg-hover enabled:hover:text-text ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
}

export const inputClass =
  "min-h-10 w-full rounded-md border border-line bg-ground px-3 py-2 text-base text-text md:text-sm " +
  "placeholder:text-muted";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  hint?: ReactNode;
}

/** A labelled input; the hint below it says the rules before they bite. */
export function Field({ label, hint, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className={inputClass}
        {...rest}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-sm text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}

/** What went wrong, told at once to those who do not see it. */
export function Alert({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="rounded-md border border-danger px-3 py-2 text-sm text-danger">
      {children}
    </p>
  );
}
