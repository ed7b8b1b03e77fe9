/** The outline of the layout, while it is not known who is signed in. */
export function Skeleton() {
  return (
    <div className="flex h-dvh" aria-busy="true">
      <div className="hidden w-72 shrink-0 border-r border-line bg-side md:block" />
      <div className="flex-1" />
    </div>
  );
}
