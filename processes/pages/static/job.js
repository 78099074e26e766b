/* The page of a job: it follows the job, its log, and lets it be dismissed. */

import { follow, refresh } from "./live.js";

const job = document.querySelector("#job");
const log = document.querySelector("#log");
const view = log.parentElement;
const sure = document.querySelector("#sure");
const refused = document.querySelector("#refused");
const address = new URL(`jobs/${job.dataset.job}`, new URL(job.dataset.root, location.href));

const ended = () => job.dataset.terminal === "yes";

async function followLog() {
  for (;;) {
    let lines;
    try {
      const answer = await fetch(`${address}/log?f=json&after=${log.dataset.after}`);
      if (!answer.ok) return;
      ({ lines } = await answer.json());
    } catch {
      return;
    }
    if (lines.length === 0) return;
    const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 30;
    log.append(...lines.map(entry));
    log.dataset.after = lines.at(-1).seq;
    if (atEnd) view.scrollTop = view.scrollHeight;
  }
}

function entry(line) {
  const item = document.createElement("li");
  item.className = line.level.toLowerCase();
  const time = document.createElement("time");
  time.dateTime = line.time;
  time.textContent = line.time.slice(11, 19);
  const step = document.createElement("span");
  step.className = "step";
  step.textContent = line.attempt > 1 ? `${line.step} (${line.attempt})` : line.step;
  item.append(time, " ", step, " ", line.text);
  return item;
}

async function dismiss() {
  const answer = await fetch(address, { method: "DELETE" }).catch(() => null);
  // A job that was dismissed before is as dismissed as one can be.
  if (answer !== null && (answer.ok || answer.status === 410)) {
    sure.close();
    await refresh();
    document.querySelector("#main").focus();
    return;
  }
  const problem = await answer?.json().catch(() => null);
  refused.textContent = problem?.detail ?? "The service does not answer; try again in a moment.";
  refused.hidden = false;
}

job.addEventListener("click", (event) => {
  if (event.target.closest("[data-action=dismiss]") === null) return;
  refused.hidden = true;
  sure.showModal();
});
document.querySelector("#really").addEventListener("click", (event) => {
  event.preventDefault();
  dismiss();
});

await followLog();
await follow({ done: ended, changed: followLog });
