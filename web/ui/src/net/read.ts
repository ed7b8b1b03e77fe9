// Readers of the fields of a JSON object that came from elsewhere.

/** Says that a server's frame is not what the contract says. */
export class Unreadable extends Error {
  override name = "Unreadable";
}

export function isObject(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

export function string(o: Record<string, unknown>, field: string): string {
  const v = o[field];
  if (typeof v !== "string") throw new Unreadable(`"${field}" must be a string`);
  return v;
}

export function number(o: Record<string, unknown>, field: string): number {
  const v = o[field];
  if (typeof v !== "number") throw new Unreadable(`"${field}" must be a number`);
  return v;
}

/** A seq is a whole number that a double holds exactly. */
export function seq(o: Record<string, unknown>, field: string): number {
  const v = number(o, field);
  if (!Number.isSafeInteger(v) || v < 0) throw new Unreadable(`"${field}" must be a seq`);
  return v;
}

export function optionalString<F extends string>(
  o: Record<string, unknown>,
  field: F,
): Partial<Record<F, string>> {
  return o[field] === undefined ? {} : ({ [field]: string(o, field) } as Partial<Record<F, string>>);
}

export function optionalNumber<F extends string>(
  o: Record<string, unknown>,
  field: F,
): Partial<Record<F, number>> {
  return o[field] === undefined ? {} : ({ [field]: number(o, field) } as Partial<Record<F, number>>);
}
