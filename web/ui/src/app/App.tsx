export function App() {
  return <main>Confab</main>;
}
