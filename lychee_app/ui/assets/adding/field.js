// Chooses files, or a folder. What was chosen waits where the part that sends it (adding.js) finds it.
export default function ({ data, parentElement }) {
  const root = rootOf(parentElement);
  if (!root.input) {
    root.box = root.appendChild(make("div", "field"));
    root.text = root.box.appendChild(make("span"));
    root.button = root.box.appendChild(make("button"));
    root.button.type = "button";
    root.input = root.box.appendChild(make("input"));
    root.input.type = "file";
    root.input.hidden = true;
    root.input.multiple = true;
    root.input.webkitdirectory = data.directory;
    root.box.onclick = (event) => { if (event.target !== root.input) root.input.click(); };
    root.input.onchange = () => {
      const files = [...root.input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
      root.input.value = ""; // the same files may be chosen again
      (window.lycheeChosen ??= []).push(files);
      window.dispatchEvent(new Event("lychee-chosen"));
    };
  }
  root.box.classList.toggle("large", data.large);
  root.text.textContent = data.large ? data.words.here : "";
  root.button.textContent = data.words.choose;
  root.button.ariaLabel = data.directory ? data.words.folder : data.words.files;
}
