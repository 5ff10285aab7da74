// Whoever opens the field for a new name types at once: the old one is chosen whole.
const BUTTON = '[class*="st-key-rename-"] button';
const FIELD = '[data-testid="stPopoverBody"] [class*="st-key-title-"] input';
const PATIENCE_MS = 2000;

export default function ({ parentElement }) {
  const root = rootOf(parentElement);
  if (root.listening) return;
  root.listening = true;
  const opened = (event) => {
    if (!root.isConnected) return document.removeEventListener("click", opened, true);
    if (!event.target.closest?.(BUTTON)) return undefined;
    const until = performance.now() + PATIENCE_MS;
    const look = () => {
      const field = document.querySelector(FIELD);
      if (field) { field.focus(); field.select(); } else if (performance.now() < until) requestAnimationFrame(look);
    };
    return requestAnimationFrame(look);
  };
  document.addEventListener("click", opened, true);
}
