/** Where a room is in the app, or one of its events. */
export function roomPath(room: string, seq?: number): string {
  const path = `/rooms/${encodeURIComponent(room)}`;
  return seq === undefined ? path : `${path}/${seq}`;
}

/** The room at a path of the app; undefined where no room can be. */
export function roomAt(path: string): string | undefined {
  const id = /^\/rooms\/([^/]+)/.exec(path)?.[1];
  try {
    return id && decodeURIComponent(id);
  } catch {
    return undefined; // somebody typed it
  }
}
