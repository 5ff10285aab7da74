// Lets go of the focus once, so that arrow keys reach the buttons' shortcuts and not the view switch.
export default function ({ parentElement }) {
  if (parentElement.done) return;
  parentElement.done = true;
  document.activeElement?.blur();
}
