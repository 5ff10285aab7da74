// A button that puts text on the clipboard and says so.
export default function ({ data, parentElement }) {
  const root = rootOf(parentElement);
  root.replaceChildren();
  const button = root.appendChild(make("button", "copy", data.label));
  button.type = "button";
  button.disabled = !data.text;
  let timer = 0;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.text);
    } catch {
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = data.text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = data.done;
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = data.label; }, 1600);
  };
  return () => clearTimeout(timer);
}
