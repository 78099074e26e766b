/* Pages that keep themselves up to date: they ask for themselves again and take over what changed.
 *
 * So nothing is drawn twice, once by the service and once here. Parts that change carry a name in
 * `data-live`; of the rest of the page nothing is touched, neither focus nor scrolling. */

const SHORTEST = 700;
const LONGEST = 5000;

/** Follow the page until it says that nothing will change any more.
 *
 * Looks again soon after a change, ever later without one, and not at all while nobody looks. */
export async function follow({ done, changed = async () => {} }) {
  let pause = SHORTEST;
  while (!done()) {
    await wait(pause);
    const news = await refresh();
    await changed();
    pause = news ? SHORTEST : Math.min(pause * 1.5, LONGEST);
  }
}

/** Take over what changed; tells whether anything did. An answer that fails is no news. */
export async function refresh() {
  let page;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return false;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return false;
  }
  const parts = [...document.querySelectorAll("[data-live]")];
  const news = parts.map((part) => {
    const name = CSS.escape(part.dataset.live);
    const fresh = page.querySelector(`[data-live="${name}"]`);
    return fresh !== null && take(part, fresh);
  });
  document.title = page.title;
  return news.some(Boolean);
}

/** Make a part of this page like its fresh one. Parts within parts come by themselves. */
function take(part, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (name.startsWith("data-") && part.getAttribute(name) !== value) part.setAttribute(name, value);
  }
  if (part.querySelector("[data-live]") !== null || part.innerHTML === fresh.innerHTML) return false;
  const [bar, next] = [part, fresh].map((one) => one.querySelector("progress"));
  if (bar !== null && next !== null) {
    // The same element goes on, so that the bar moves instead of jumping.
    bar.className = next.className;
    bar.value = next.value;
    bar.textContent = next.textContent;
    next.replaceWith(bar);
  }
  part.replaceChildren(...fresh.childNodes);
  return true;
}

function wait(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  }).then(() => (document.hidden ? seen() : undefined));
}

function seen() {
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}
