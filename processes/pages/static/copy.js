/* Buttons that copy the text of another element. */

export function copyButtons() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copies);
      button.textContent = (await copied(source)) ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}

/** Copy a text; where the browser forbids it, mark the text, so that one key is enough. */
async function copied(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return false;
  }
}
